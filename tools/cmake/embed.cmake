# embed.cmake - turns the file INPUT into the C source OUTPUT: fr_protoset[] and fr_protoset_size.
file(READ ${INPUT} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(................................................................................)" "\\1\n" bytes "${bytes}")
file(WRITE ${OUTPUT} "#include <stddef.h>\n#include <stdint.h>\n\nextern const uint8_t fr_protoset[];\nextern const size_t fr_protoset_size;\n\nconst uint8_t fr_protoset[] = {\n${bytes}};\nconst size_t fr_protoset_size = sizeof fr_protoset;\n")
