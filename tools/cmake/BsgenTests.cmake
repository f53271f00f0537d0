# How tests are declared.
#
#   bsgen_test(NAME LABEL label SOURCES a.cpp ... LINK lib ...)
#     A Catch2 executable whose cases become CTest entries named <label>.<claim>. They carry two CTest labels: <label> and
#     the name of the folder that declares them (tests/unit/cache: "unit" and "cache"), so `ctest -L cache` runs all there
#     is about the cache. Build targets: NAME, tests-<label>, tests-<folder>. A case that prints "SKIPPED: reason"
#     (tests/support/catch.h) counts as skipped.
#   bsgen_stress(NAME case ...)
#     Cases of the executable NAME, hidden by the tag [.full], that repeat a bounded one at its full size: CTest entries
#     stress.<case> of the configuration Full, labelled "stress", with the build target tests-stress. tools/stress runs them.
#   bsgen_fuzz(NAME SOURCES a.cpp ... LINK lib ... CORPUS dir)
#     A fuzz target (LLVMFuzzerTestOneInput). With BSGEN_FUZZ=ON it is built with libFuzzer, and the CTest entry fuzz.<NAME>
#     runs it for FUZZ_SECONDS (environment; default 5) over the files of CORPUS and what earlier runs found; in every other
#     build the entry runs it once over each file of CORPUS.
find_package(Catch2 REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
include(Catch)

add_library(bsgen_test_main STATIC ${bsgen_SOURCE_DIR}/tests/support/main.cpp)
target_link_libraries(bsgen_test_main PUBLIC bsgen_headers Catch2::Catch2 bsgen_fmt)
if(Catch2_VERSION VERSION_GREATER_EQUAL 3)
  target_compile_definitions(bsgen_test_main PUBLIC BSGEN_CATCH3)
endif()

# What the sanitizers are told; the files name what NVIDIA's libraries do and we cannot mend.
set(bsgen_sanitizer_environment
  ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
  LSAN_OPTIONS=suppressions=${bsgen_SOURCE_DIR}/tests/support/lsan.supp:print_suppressions=0
  UBSAN_OPTIONS=print_stacktrace=1
  TSAN_OPTIONS=halt_on_error=1:suppressions=${bsgen_SOURCE_DIR}/tests/support/tsan.supp)

# Makes `target` part of the build targets tests-<group> for each group.
function(bsgen_group_test target)
  list(REMOVE_DUPLICATES ARGN)
  foreach(group IN LISTS ARGN)
    if(NOT TARGET tests-${group})
      add_custom_target(tests-${group})
    endif()
    add_dependencies(tests-${group} ${target})
  endforeach()
endfunction()

function(bsgen_test name)
  cmake_parse_arguments(T "" "LABEL" "SOURCES;LINK" ${ARGN})
  cmake_path(GET CMAKE_CURRENT_SOURCE_DIR FILENAME folder)
  add_executable(${name} ${T_SOURCES})
  target_link_libraries(${name} PRIVATE bsgen_test_main ${T_LINK})
  catch_discover_tests(${name} TEST_PREFIX "${T_LABEL}." TEST_LIST ${name}_cases
    PROPERTIES LABELS ${T_LABEL} SKIP_REGULAR_EXPRESSION "SKIPPED: " TIMEOUT 600)
  bsgen_group_test(${name} ${T_LABEL} ${folder})
  # Catch's script cannot pass a list as one property, so lists are set once the cases are known.
  set(lists "LABELS \"${T_LABEL};${folder}\"")
  if(BSGEN_SANITIZE)
    string(APPEND lists " ENVIRONMENT \"${bsgen_sanitizer_environment}\"")
  endif()
  set(properties ${CMAKE_CURRENT_BINARY_DIR}/${name}_properties.cmake)
  file(GENERATE OUTPUT ${properties} CONTENT
    "if(${name}_cases)\n  set_tests_properties(\${${name}_cases} PROPERTIES ${lists})\nendif()\n")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${properties})
endfunction()

function(bsgen_stress name)
  foreach(case IN LISTS ARGN)
    add_test(NAME stress.${case} CONFIGURATIONS Full COMMAND ${name} ${case})
    set_tests_properties(stress.${case} PROPERTIES LABELS stress TIMEOUT 7200 RUN_SERIAL ON)
  endforeach()
  bsgen_group_test(${name} stress)
endfunction()

function(bsgen_fuzz name)
  cmake_parse_arguments(F "" "CORPUS" "SOURCES;LINK" ${ARGN})
  cmake_path(ABSOLUTE_PATH F_CORPUS BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
  add_executable(${name} ${F_SOURCES})
  target_link_libraries(${name} PRIVATE bsgen_headers ${F_LINK})
  if(BSGEN_FUZZ)
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    add_test(NAME fuzz.${name} COMMAND ${bsgen_SOURCE_DIR}/tools/cmake/run_fuzzer $<TARGET_FILE:${name}>
      ${CMAKE_BINARY_DIR}/fuzz/${name} ${F_CORPUS})
  else()
    target_sources(${name} PRIVATE ${bsgen_SOURCE_DIR}/tests/support/replay_corpus.cpp)
    add_test(NAME fuzz.${name} COMMAND ${name} ${F_CORPUS})
  endif()
  set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT 3600)
  bsgen_group_test(${name} fuzz)
endfunction()
