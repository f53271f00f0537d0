# `cmake --install`: the C ABI as a shared library, the C++ library as static ones, their headers, the tool, and what CMake and pkg-config need
# to find them. docs/guide/install.md shows the use.
#
#   find_package(bsgen)                    bsgen::c and, where fmt, OpenSSL and zlib are found, bsgen::bsgen
#   find_package(bsgen COMPONENTS c)       bsgen::c alone, which needs nothing
#   find_package(bsgen COMPONENTS cxx)     bsgen::bsgen or an error
include(CMakePackageConfigHelpers)

# The static libraries behind bsgen::bsgen, itself included: whatever its link interface reaches.
function(bsgen_reached_from target out)
  set(reached ${target})
  set(next ${target})
  while(next)
    list(POP_FRONT next current)
    get_target_property(links ${current} INTERFACE_LINK_LIBRARIES)
    foreach(link IN LISTS links)
      if(link MATCHES "^bsgen_" AND TARGET ${link} AND NOT link IN_LIST reached)
        list(APPEND reached ${link})
        list(APPEND next ${link})
      endif()
    endforeach()
  endwhile()
  set(${out} ${reached} PARENT_SCOPE)
endfunction()

bsgen_reached_from(bsgen_all bsgen_installed)
set_target_properties(bsgen_all PROPERTIES EXPORT_NAME bsgen)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/bsgen)

install(TARGETS bsgen_c EXPORT bsgen_c LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS ${bsgen_installed} EXPORT bsgen_cxx ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}/bsgen)
if(TARGET bsgen_cpu_llvm)  # beside libbsgen.so, where both look for it
  install(TARGETS bsgen_cpu_llvm LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
install(TARGETS bsgen RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS bsgen-compiler RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/bsgen)  # where the library looks from lib and bin
install(EXPORT bsgen_c NAMESPACE bsgen:: FILE bsgen-c-targets.cmake DESTINATION ${package_dir})
install(EXPORT bsgen_cxx NAMESPACE bsgen:: FILE bsgen-cxx-targets.cmake DESTINATION ${package_dir})

install(DIRECTORY ${bsgen_SOURCE_DIR}/include/bsgen DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
# What compiler.h includes of the stages' own headers; bsgen_headers adds the folder.
foreach(header compiler/codegen/kernel_source.h compiler/plan/kernel_plan.h compiler/plan/schedule.h)
  cmake_path(GET header PARENT_PATH folder)
  install(FILES ${bsgen_SOURCE_DIR}/${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/bsgen/stages/${folder})
endforeach()

# Found from the .pc file's own place, so that an installed tree can be moved.
file(RELATIVE_PATH bsgen_pc_up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)

configure_package_config_file(${bsgen_SOURCE_DIR}/tools/cmake/bsgen-config.cmake.in ${CMAKE_BINARY_DIR}/package/bsgen-config.cmake
  INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/package/bsgen-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/package/bsgen-config.cmake ${CMAKE_BINARY_DIR}/package/bsgen-config-version.cmake DESTINATION ${package_dir})

configure_file(${bsgen_SOURCE_DIR}/tools/cmake/bsgen.pc.in ${CMAKE_BINARY_DIR}/package/bsgen.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/package/bsgen.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
