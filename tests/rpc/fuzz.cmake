# fuzz.cmake - fuzz_envelope, only with -DFRESHET_FUZZ=ON and clang; its source says how to run it.
option(FRESHET_FUZZ "Build the fuzz targets, which need clang and its libFuzzer" OFF)
if(FRESHET_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "FRESHET_FUZZ needs clang: add -DCMAKE_C_COMPILER=clang-14")
  endif()
  # The codec is compiled again here, so that libFuzzer sees which of its branches were taken.
  add_executable(fuzz_envelope fuzz_envelope.c envelope_model.c ${PROJECT_SOURCE_DIR}/src/rpc/envelope_read.c)
  target_include_directories(fuzz_envelope PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(fuzz_envelope PRIVATE fr_base fr_proto)
  target_compile_options(fuzz_envelope PRIVATE -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all)
  target_link_options(fuzz_envelope PRIVATE -fsanitize=fuzzer,address,undefined)
endif()
