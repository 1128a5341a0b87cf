module example/stubs

go 1.18

require google.golang.org/protobuf v1.28.1
