# fuzz.cmake - fuzz_generate, only with -DFRESHET_FUZZ=ON and clang; its source says how to run it.
if(FRESHET_FUZZ)
  # The generator is compiled again here, so that libFuzzer sees which of its branches were taken.
  get_target_property(sources freshet_generate SOURCES)
  get_target_property(folder freshet_generate SOURCE_DIR)
  list(FILTER sources EXCLUDE REGEX "pb-c")
  list(TRANSFORM sources PREPEND ${folder}/)
  add_executable(fuzz_generate fuzz_generate.c request.c ${sources})
  target_include_directories(fuzz_generate PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(fuzz_generate PRIVATE freshet_generate)
  target_compile_options(fuzz_generate PRIVATE -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all)
  target_link_options(fuzz_generate PRIVATE -fsanitize=fuzzer,address,undefined)
endif()
