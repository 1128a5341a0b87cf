# fr_proto_service.cmake - libraries of messages and stubs, in Freshet's own build and in that of its users, where
# find_package(Freshet) includes this.

# fr_protobuf_include(VARIABLE): the folder with google/protobuf/*.proto, found from protoc as protoc does it.
function(fr_protobuf_include variable)
  file(REAL_PATH "${PROTOC}" folder)
  cmake_path(GET folder PARENT_PATH folder)
  cmake_path(APPEND folder ../include)
  cmake_path(NORMAL_PATH folder)
  set(${variable} ${folder} PARENT_SCOPE)
endfunction()

# fr_proto_service_check(NAME): says what is wrong with the arguments of fr_proto_service, and completes its folders.
macro(fr_proto_service_check name)
  if(NOT DEFINED arg_ROOT)
    set(arg_ROOT ${CMAKE_CURRENT_SOURCE_DIR})
  endif()
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_PROTOS)
    message(FATAL_ERROR "fr_proto_service(${name}): PROTOS are missing, or '${arg_UNPARSED_ARGUMENTS}' is not known; write "
      "fr_proto_service(${name} [ROOT folder] PROTOS file… [IMPORTS folder…] [LINKS target…] [STUBS])")
  endif()
  cmake_path(ABSOLUTE_PATH arg_ROOT BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE)
  list(TRANSFORM arg_IMPORTS REPLACE "^([^/].*)$" "${CMAKE_CURRENT_SOURCE_DIR}/\\1")
  foreach(proto IN LISTS arg_PROTOS)
    if(IS_ABSOLUTE ${proto})
      message(FATAL_ERROR "fr_proto_service(${name}): ${proto} is not given relative to ROOT, which is ${arg_ROOT}")
    endif()
  endforeach()
endmacro()

# fr_proto_service(NAME [ROOT folder] PROTOS file… [IMPORTS folder…] [LINKS target…] [STUBS])
# A library of the messages (X.pb-c.h) and the Freshet stubs (X.freshet.h) of .proto files given relative to ROOT, which is
# the folder of this CMakeLists.txt if it is not given.
# IMPORTS are folders to import from, besides Freshet's own and protobuf's. LINKS have the messages of the imports, as far
# as Freshet has not. STUBS: the stubs alone, for messages that are compiled elsewhere.
function(fr_proto_service name)
  cmake_parse_arguments(arg "STUBS" "ROOT" "PROTOS;IMPORTS;LINKS" ${ARGN})
  fr_proto_service_check(${name})
  find_program(PROTOC protoc)
  find_program(PROTOC_C protoc-c)
  fr_protobuf_include(protobuf_include)
  if(NOT PROTOC OR NOT PROTOC_C OR NOT EXISTS ${protobuf_include}/google/protobuf/descriptor.proto)
    message(FATAL_ERROR "protoc, protoc-c or descriptor.proto is missing: "
      "apt-get install protobuf-compiler protobuf-c-compiler libprotobuf-dev")
  endif()
  get_property(freshet_protos GLOBAL PROPERTY FRESHET_PROTO_FOLDER)
  get_property(freshet_links GLOBAL PROPERTY FRESHET_STUB_LINKS)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${name})
  set(paths -I${arg_ROOT})
  foreach(folder IN LISTS arg_IMPORTS ITEMS ${freshet_protos} ${protobuf_include})
    list(APPEND paths -I${folder})
  endforeach()
  file(MAKE_DIRECTORY ${out})
  foreach(proto IN LISTS arg_PROTOS)
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    set(set ${out}/${stem}.protoset)
    cmake_path(GET set PARENT_PATH folder)
    file(MAKE_DIRECTORY ${folder})
    add_custom_command(OUTPUT ${out}/${stem}.freshet.c ${out}/${stem}.freshet.h ${set}
      COMMAND ${PROTOC} ${paths} --plugin=protoc-gen-freshet=$<TARGET_FILE:Freshet::protoc-gen-freshet>
        --freshet_out=lang=c:${out} --include_imports --include_source_info --descriptor_set_out=${set}
        --dependency_out=${set}.d ${proto}
      DEPENDS ${arg_ROOT}/${proto} Freshet::protoc-gen-freshet DEPFILE ${set}.d VERBATIM)
    list(APPEND sources ${out}/${stem}.freshet.c ${out}/${stem}.freshet.h)
    if(NOT arg_STUBS)
      # protoc-c's own services are of no use and do not always compile, so it gets the messages alone.
      add_custom_command(OUTPUT ${out}/${stem}.pb-c.c ${out}/${stem}.pb-c.h
        COMMAND Freshet::protoc-gen-freshet --without-services < ${set} > ${set}.messages
        COMMAND ${PROTOC_C} --descriptor_set_in=${set}.messages --c_out=${out} ${proto}
        DEPENDS ${set} Freshet::protoc-gen-freshet VERBATIM)
      list(APPEND sources ${out}/${stem}.pb-c.c ${out}/${stem}.pb-c.h)
      set_source_files_properties(${out}/${stem}.pb-c.c PROPERTIES COMPILE_OPTIONS -w)
    endif()
  endforeach()
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} SYSTEM PUBLIC ${out})
  target_link_libraries(${name} PUBLIC ${freshet_links} ${arg_LINKS})
endfunction()
