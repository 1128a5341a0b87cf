# public_headers.cmake - copies HEADERS from SOURCE to OUTPUT; the copies include each other as "freshet/…".
file(REMOVE_RECURSE "${OUTPUT}")
foreach(header IN LISTS HEADERS)
  file(READ "${SOURCE}/${header}" text)
  string(REGEX REPLACE "(^|\n)#include \"" "\\1#include \"freshet/" text "${text}")
  file(WRITE "${OUTPUT}/${header}" "${text}")
endforeach()
