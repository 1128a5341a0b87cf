# libraries.cmake - which of the compared libraries are here, and the types of the built-in data.
#
# Sets optional_sources, optional_links, optional_definitions and generated. What is missing costs a row of the tables,
# nothing else.
option(FRESHET_PAYLOAD_LIBRARIES "Compare the JSON libraries that are installed in freshet bench payload" ON)

set(optional_sources)
set(optional_links)
set(optional_definitions)

macro(optional_library package definition)
  pkg_check_modules(${package} QUIET IMPORTED_TARGET ${package})
  if(${package}_FOUND AND FRESHET_PAYLOAD_LIBRARIES)
    list(APPEND optional_links PkgConfig::${package})
    list(APPEND optional_definitions ${definition})
    list(APPEND optional_sources ${ARGN})
  endif()
endmacro()

optional_library(libcjson PAYLOAD_CJSON codec_cjson.c)
optional_library(json-c PAYLOAD_JSON_C codec_json_c.c)
optional_library(zlib PAYLOAD_ZLIB)
optional_library(libzstd PAYLOAD_ZSTD)

include(CheckLanguage)
check_language(CXX)
if(CMAKE_CXX_COMPILER AND FRESHET_PAYLOAD_LIBRARIES)
  enable_language(CXX)
  set(CMAKE_CXX_STANDARD 20)
  list(APPEND optional_sources real_digits.cc)
  # Programs of folders that know no C++ link this library too.
  list(APPEND optional_links ${CMAKE_CXX_IMPLICIT_LINK_LIBRARIES})
  optional_library(RapidJSON PAYLOAD_RAPIDJSON codec_rapidjson.cc codec_rapidjson_writer.cc)
  optional_library(simdjson PAYLOAD_SIMDJSON codec_simdjson.cc codec_simdjson_ondemand.cc)
else()
  list(APPEND optional_sources real_digits.c)
endif()

string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
string(STRIP "${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_${build_type}} -fno-omit-frame-pointer" flags)
list(APPEND optional_definitions "PAYLOAD_FLAGS=\"${flags}\"")

get_filename_component(protobuf_include ${PROTOC} DIRECTORY)
cmake_path(APPEND protobuf_include ../include OUTPUT_VARIABLE protobuf_include)
set(out ${CMAKE_CURRENT_BINARY_DIR})
set(includes -I${CMAKE_CURRENT_SOURCE_DIR} -I${PROJECT_SOURCE_DIR}/proto -I${protobuf_include})
set(protos ${CMAKE_CURRENT_SOURCE_DIR}/shapes.proto ${PROJECT_SOURCE_DIR}/proto/users/v1/users.proto)
add_custom_command(OUTPUT ${out}/shapes.pb-c.c ${out}/shapes.pb-c.h
  COMMAND ${PROTOC_C} ${includes} --c_out=${out} ${CMAKE_CURRENT_SOURCE_DIR}/shapes.proto
  DEPENDS shapes.proto VERBATIM)
add_custom_command(OUTPUT ${out}/shapes.protoset
  COMMAND ${PROTOC} ${includes} --include_imports --descriptor_set_out=${out}/shapes.protoset ${protos}
  DEPENDS ${protos} VERBATIM)
add_custom_command(OUTPUT ${out}/shapes_protoset.c
  COMMAND ${CMAKE_COMMAND} -DINPUT=${out}/shapes.protoset -DOUTPUT=${out}/shapes_protoset.c
    -P ${PROJECT_SOURCE_DIR}/tools/cmake/embed.cmake
  DEPENDS ${out}/shapes.protoset ${PROJECT_SOURCE_DIR}/tools/cmake/embed.cmake VERBATIM)
set(generated ${out}/shapes.pb-c.c ${out}/shapes_protoset.c)
set_source_files_properties(${out}/shapes.pb-c.c PROPERTIES COMPILE_OPTIONS -w)
set_source_files_properties(${out}/shapes_protoset.c PROPERTIES COMPILE_DEFINITIONS
  "fr_protoset=shapes_protoset;fr_protoset_size=shapes_protoset_size")
