# freshet.cmake - what every leaf CMakeLists.txt uses: fr_library, fr_program, fr_test, fr_proto_service.

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
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
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

# fr_protobuf_include(VARIABLE): the folder with google/protobuf/*.proto.
function(fr_protobuf_include variable)
  cmake_path(GET PROTOC PARENT_PATH folder)
  cmake_path(APPEND folder ../include)
  cmake_path(NORMAL_PATH folder)
  set(${variable} ${folder} PARENT_SCOPE)
endfunction()

# fr_proto_service(NAME ROOT folder PROTOS file… [IMPORTS folder…] [LINKS target…] [STUBS])
# A library of the messages (X.pb-c.h) and the Freshet stubs (X.freshet.h) of .proto files given relative to ROOT.
# IMPORTS are folders to import from, besides Freshet's own and protobuf's. STUBS: the stubs alone, for messages that
# are compiled elsewhere. Who serves cached methods links fr_cached as well.
function(fr_proto_service name)
  cmake_parse_arguments(arg "STUBS" "ROOT" "PROTOS;IMPORTS;LINKS" ${ARGN})
  fr_protobuf_include(protobuf_include)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${name})
  set(paths -I${arg_ROOT})
  foreach(folder IN LISTS arg_IMPORTS ITEMS ${PROJECT_SOURCE_DIR}/proto ${protobuf_include})
    list(APPEND paths -I${folder})
  endforeach()
  file(MAKE_DIRECTORY ${out})
  foreach(proto IN LISTS arg_PROTOS)
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    set(set ${out}/${stem}.protoset)
    cmake_path(GET set PARENT_PATH folder)
    file(MAKE_DIRECTORY ${folder})
    add_custom_command(OUTPUT ${out}/${stem}.freshet.c ${out}/${stem}.freshet.h ${set}
      COMMAND ${PROTOC} ${paths} --plugin=protoc-gen-freshet=$<TARGET_FILE:protoc-gen-freshet>
        --freshet_out=lang=c:${out} --include_imports --include_source_info --descriptor_set_out=${set}
        --dependency_out=${set}.d ${proto}
      DEPENDS ${arg_ROOT}/${proto} protoc-gen-freshet DEPFILE ${set}.d VERBATIM)
    list(APPEND sources ${out}/${stem}.freshet.c ${out}/${stem}.freshet.h)
    if(NOT arg_STUBS)
      # protoc-c's own services are of no use and do not always compile: see tools/protoc-gen-freshet/strip.h.
      add_custom_command(OUTPUT ${out}/${stem}.pb-c.c ${out}/${stem}.pb-c.h
        COMMAND protoc-gen-freshet --without-services < ${set} > ${set}.messages
        COMMAND ${PROTOC_C} --descriptor_set_in=${set}.messages --c_out=${out} ${proto}
        DEPENDS ${set} protoc-gen-freshet VERBATIM)
      list(APPEND sources ${out}/${stem}.pb-c.c ${out}/${stem}.pb-c.h)
      set_source_files_properties(${out}/${stem}.pb-c.c PROPERTIES COMPILE_OPTIONS -w)
    endif()
  endforeach()
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} SYSTEM PUBLIC ${out})
  target_link_libraries(${name} PUBLIC fr_rpc fr_message fr_proto ${arg_LINKS})
endfunction()

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
    set(arg_TIMEOUT 120)
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
    set(arg_TIMEOUT 120)
  endif()
  add_test(NAME ${name} COMMAND /usr/bin/python3 -B ${CMAKE_CURRENT_SOURCE_DIR}/${arg_SCRIPT} ${arg_ARGUMENTS})
  fr_test_environment(${name} ${arg_LABEL} ${arg_TIMEOUT})
endfunction()

function(fr_test_environment name label timeout)
  set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT ${timeout} ENVIRONMENT
    "FRESHET_BIN=${CMAKE_BINARY_DIR}/bin;FRESHET_SOURCE=${PROJECT_SOURCE_DIR};FRESHET_BUILD=${CMAKE_BINARY_DIR};PYTHONPATH=${PROJECT_SOURCE_DIR}/tests/support;ASAN_OPTIONS=detect_leaks=1:abort_on_error=0;UBSAN_OPTIONS=print_stacktrace=1;TSAN_OPTIONS=second_deadlock_stack=1:suppressions=${PROJECT_SOURCE_DIR}/tests/support/tsan.supp;LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/support/lsan.supp:print_suppressions=0")
endfunction()
