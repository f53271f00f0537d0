# Build settings shared by every part, and the three functions that parts are declared with.
include(GNUInstallDirs)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

option(BSGEN_TESTS "build the tests" ${PROJECT_IS_TOP_LEVEL})
option(BSGEN_INSTALL "make the install target" ${PROJECT_IS_TOP_LEVEL})
option(BSGEN_FUZZ "build the libFuzzer targets (clang)" OFF)
option(BSGEN_PORTABLE "link everything but glibc statically, for tools/portable" OFF)
set(BSGEN_SANITIZE "" CACHE STRING "sanitizers to build with: address,undefined or thread")

# Contraction off: every fused multiply-add in this project is written as one, so that bits never depend on the compiler.
add_compile_options(-Wall -Wextra -ffp-contract=off)
if(BSGEN_SANITIZE)
  add_compile_options(-fsanitize=${BSGEN_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${BSGEN_SANITIZE})
endif()
if(BSGEN_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)  # all that is fuzzed tells libFuzzer where it has been, not the targets alone
endif()

if(BSGEN_PORTABLE)
  set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
  set(OPENSSL_USE_STATIC_LIBS ON)
  add_link_options(-static-libstdc++ -static-libgcc)
endif()

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(ZLIB REQUIRED)
add_library(bsgen_fmt INTERFACE)  # Debian ships no static fmt; its header-only form needs nothing beside the binary
target_link_libraries(bsgen_fmt INTERFACE $<IF:$<BOOL:${BSGEN_PORTABLE}>,fmt::fmt-header-only,fmt::fmt>)
find_path(XXHASH_INCLUDE_DIR xxhash.h REQUIRED)

add_library(bsgen_headers INTERFACE)
target_include_directories(bsgen_headers INTERFACE
  $<BUILD_INTERFACE:${bsgen_SOURCE_DIR}/include> $<BUILD_INTERFACE:${bsgen_SOURCE_DIR}>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/bsgen/stages>)
target_compile_features(bsgen_headers INTERFACE cxx_std_20)
target_compile_definitions(bsgen_headers INTERFACE BSGEN_VERSION="${PROJECT_VERSION}")

# The parts of the tree, in order.
function(bsgen_parts)
  foreach(part IN LISTS ARGN)
    if(EXISTS ${bsgen_SOURCE_DIR}/${part}/CMakeLists.txt)
      add_subdirectory(${bsgen_SOURCE_DIR}/${part} ${bsgen_BINARY_DIR}/${part})
    endif()
  endforeach()
endfunction()

# bsgen_library(NAME SOURCES a.cpp ... LINK lib ...): one static library per part, warnings on.
function(bsgen_library name)
  cmake_parse_arguments(PART "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${PART_SOURCES})
  target_link_libraries(${name} PUBLIC bsgen_headers bsgen_fmt Threads::Threads ${PART_LINK})
  target_include_directories(${name} PRIVATE ${XXHASH_INCLUDE_DIR})
endfunction()
