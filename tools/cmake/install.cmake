# install.cmake - what `cmake --install` gives: the library, its headers, .proto files and run times, the programs,
# freshet.pc and a CMake package. Nothing in it names the folder that it is installed to, so that folder may be moved.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# One archive of all layers but JSON. The example's messages and the tools' descriptors are no part of it.
# See docs/decisions/0012-installed-library.md.
set(layers fr_proto fr_base fr_message fr_rpc_services fr_rpc fr_cache fr_store fr_cached fr_service)
foreach(layer IN LISTS layers)
  list(APPEND objects $<FILTER:$<TARGET_OBJECTS:${layer}>,EXCLUDE,/users/v1/users\\.|/protoset\\.>)
endforeach()
add_library(freshet_library STATIC ${objects})
set_target_properties(freshet_library PROPERTIES OUTPUT_NAME freshet EXPORT_NAME freshet LINKER_LANGUAGE C)
target_include_directories(freshet_library SYSTEM INTERFACE
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/freshet/proto>)
# As needed: a program that only calls a service does not load Redis's client or a database.
target_link_options(freshet_library INTERFACE LINKER:--as-needed)
target_link_libraries(freshet_library INTERFACE nng::nng PkgConfig::libprotobuf-c PkgConfig::hiredis PkgConfig::libuv
  PkgConfig::sqlite3 Threads::Threads m)

install(TARGETS freshet_library protoc-gen-freshet EXPORT FreshetTargets)
install(TARGETS freshet freshet-bench-payload freshet-bench-allocations freshet-bench-variants freshet-api freshet-data freshet-update)

# ---- headers ----

set(public_headers
  base/buffer.h base/clock.h base/error.h base/histogram.h base/log.h base/log_linear.h base/metrics.h base/options.h
  base/placement.h base/timer.h base/worker_pool.h
  message/arena.h message/message.h
  rpc/address.h rpc/channel.h rpc/metadata.h rpc/method.h rpc/reflection.h rpc/retry.h rpc/server.h rpc/stats.h rpc/stub.h
  cache/cache.h cache/drop_cause.h cache/key.h cache/loop.h cache/near_cache.h cache/read_path.h cache/record.h
  cache/redis_info.h cache/redis_url.h cache/shared_cache.h
  store/store.h
  cached/consumer.h cached/demand.h cached/event.h cached/forward.h cached/policy.h cached/relay.h cached/serve.h
  service/commit.h service/service.h)
# Below "freshet/" they include each other so, and not as src/ does; generated code always includes them so.
install(CODE "
  set(SOURCE \"${PROJECT_SOURCE_DIR}/src\")
  set(OUTPUT \"${PROJECT_BINARY_DIR}/public/freshet\")
  set(HEADERS \"${public_headers}\")")
install(SCRIPT ${CMAKE_CURRENT_LIST_DIR}/public_headers.cmake)
install(DIRECTORY ${PROJECT_BINARY_DIR}/public/freshet DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
# Messages and stubs of Freshet's own .proto files and of the well-known types.
foreach(folder IN ITEMS ${PROJECT_BINARY_DIR}/proto ${PROJECT_BINARY_DIR}/src/rpc/fr_rpc_services)
  install(DIRECTORY ${folder}/freshet ${folder}/grpc DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/freshet/proto
    FILES_MATCHING PATTERN *.h)
endforeach()
install(DIRECTORY ${PROJECT_BINARY_DIR}/proto/google DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/freshet/proto
  FILES_MATCHING PATTERN *.h)

# ---- what else a program is made of ----

install(DIRECTORY proto/freshet proto/grpc DESTINATION ${CMAKE_INSTALL_DATADIR}/freshet/proto FILES_MATCHING PATTERN *.proto)
install(DIRECTORY tools/protoc-gen-freshet/run_time DESTINATION ${CMAKE_INSTALL_DATADIR}/freshet
  PATTERN __pycache__ EXCLUDE) # left by programs that were run from here
install(DIRECTORY docs/examples DESTINATION ${CMAKE_INSTALL_DATADIR}/freshet)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# ---- how others find it ----

cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig OUTPUT_VARIABLE to_prefix)
configure_file(${CMAKE_CURRENT_LIST_DIR}/freshet.pc.in freshet.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/freshet.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/Freshet)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/FreshetConfig.cmake.in FreshetConfig.cmake
  INSTALL_DESTINATION ${package} PATH_VARS CMAKE_INSTALL_DATADIR)
write_basic_package_version_file(FreshetConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(EXPORT FreshetTargets NAMESPACE Freshet:: DESTINATION ${package})
install(FILES ${PROJECT_BINARY_DIR}/FreshetConfig.cmake ${PROJECT_BINARY_DIR}/FreshetConfigVersion.cmake
  ${CMAKE_CURRENT_LIST_DIR}/fr_proto_service.cmake DESTINATION ${package})
