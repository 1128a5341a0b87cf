# freshet.cmake - what every leaf CMakeLists.txt uses: fr_library, fr_program, fr_test, and fr_proto_service.cmake.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

option(FRESHET_TESTS "Build the tests, which need cmocka and python3" ON)
option(FRESHET_WERROR "Treat warnings as errors" OFF)
set(FRESHET_SANITIZE "" CACHE STRING "Sanitizers for the whole build, such as address,undefined or thread")

add_compile_definitions(_GNU_SOURCE FRESHET_VERSION="${PROJECT_VERSION}")
add_compile_options(-Wall -Wextra -Wshadow -fno-omit-frame-pointer
  "$<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes;-Wmissing-prototypes>")
if(FRESHET_WERROR)
  add_compile_options(-Werror)
endif()
if(FRESHET_SANITIZE)
  add_compile_options(-fsanitize=${FRESHET_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${FRESHET_SANITIZE})
endif()
# Failpoints (src/base/failpoint.h) exist only where tests need them.
if(NOT CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_definitions(FRESHET_FAILPOINTS)
endif()

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(nng REQUIRED)
foreach(package IN ITEMS libprotobuf-c jansson hiredis libuv sqlite3)
  pkg_check_modules(${package} REQUIRED IMPORTED_TARGET ${package})
endforeach()
if(FRESHET_TESTS)
  pkg_check_modules(cmocka REQUIRED IMPORTED_TARGET cmocka)
endif()
find_program(PROTOC protoc REQUIRED)
find_program(PROTOC_C protoc-c REQUIRED)

# fr_library(NAME [SOURCES file…] [LINKS target…] [PRIVATE_LINKS target…])
# One layer of src/. LINKS are the layers it may include; PRIVATE_LINKS are third-party.
function(fr_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/src ${CMAKE_BINARY_DIR}/include)
  target_link_libraries(${name} PUBLIC ${arg_LINKS} PRIVATE ${arg_PRIVATE_LINKS})
endfunction()

# fr_program(NAME [SOURCES file…] [LINKS target…])
function(fr_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINKS})
endfunction()

# fr_embed_files(NAME entry…): the C source NAME in the build folder, with files as freshet/embedded.h tells; an entry is
# "name in the program=path".
function(fr_embed_files name)
  list(TRANSFORM ARGN REPLACE "^[^=]*=" "" OUTPUT_VARIABLE paths)
  string(REPLACE ";" "|" entries "${ARGN}")
  add_custom_command(OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${name}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${CMAKE_CURRENT_BINARY_DIR}/${name} "-DFILES=${entries}"
      -P ${PROJECT_SOURCE_DIR}/tools/cmake/embed_files.cmake
    DEPENDS ${paths} ${PROJECT_SOURCE_DIR}/tools/cmake/embed_files.cmake VERBATIM)
endfunction()

# Generated code includes the headers of src/ as installed ones, below "freshet/".
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/include)
file(CREATE_LINK ${PROJECT_SOURCE_DIR}/src ${CMAKE_BINARY_DIR}/include/freshet SYMBOLIC)
set_property(GLOBAL PROPERTY FRESHET_PROTO_FOLDER ${PROJECT_SOURCE_DIR}/proto)
set_property(GLOBAL PROPERTY FRESHET_STUB_LINKS fr_rpc fr_message fr_proto)
include(fr_proto_service)

# fr_test(NAME [SOURCES file…] [LINKS target…] [LABEL unit|integration|e2e|style] [TIMEOUT seconds])
# A cmocka program; without SOURCES it is NAME.c.
function(fr_test name)
  cmake_parse_arguments(arg "" "LABEL;TIMEOUT" "SOURCES;LINKS" ${ARGN})
  if(NOT arg_SOURCES)
    set(arg_SOURCES ${name}.c)
  endif()
  if(NOT arg_LABEL)
    set(arg_LABEL unit)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${arg_LINKS} PkgConfig::cmocka)
  add_test(NAME ${name} COMMAND ${name})
  fr_test_environment(${name} ${arg_LABEL} ${arg_TIMEOUT})
endfunction()

# fr_script_test(NAME SCRIPT file [ARGUMENTS word…] [LABEL label] [TIMEOUT seconds]): a Python test of whole programs.
function(fr_script_test name)
  cmake_parse_arguments(arg "" "SCRIPT;LABEL;TIMEOUT" "ARGUMENTS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  add_test(NAME ${name} COMMAND /usr/bin/python3 -B ${CMAKE_CURRENT_SOURCE_DIR}/${arg_SCRIPT} ${arg_ARGUMENTS})
  fr_test_environment(${name} ${arg_LABEL} ${arg_TIMEOUT})
endfunction()

function(fr_test_environment name label timeout)
  set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT ${timeout} ENVIRONMENT
    "FRESHET_BIN=${CMAKE_BINARY_DIR}/bin;FRESHET_SOURCE=${PROJECT_SOURCE_DIR};FRESHET_BUILD=${CMAKE_BINARY_DIR};PYTHONPATH=${PROJECT_SOURCE_DIR}/tests/support;ASAN_OPTIONS=detect_leaks=1:abort_on_error=0;UBSAN_OPTIONS=print_stacktrace=1;TSAN_OPTIONS=second_deadlock_stack=1:suppressions=${PROJECT_SOURCE_DIR}/tests/support/tsan.supp;LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/support/lsan.supp:print_suppressions=0")
endfunction()
