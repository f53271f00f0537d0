# bsgen_test(NAME LABEL label SOURCES a.cpp ... LINK lib ...): a Catch2 executable whose cases become CTest entries
# named <label>.<claim>. A case that prints "SKIPPED: reason" (tests/support/catch.h) counts as skipped.
find_package(Catch2 REQUIRED)
include(Catch)

add_library(bsgen_test_main STATIC ${CMAKE_SOURCE_DIR}/tests/support/main.cpp)
target_link_libraries(bsgen_test_main PUBLIC bsgen_headers Catch2::Catch2 fmt::fmt)
if(Catch2_VERSION VERSION_GREATER_EQUAL 3)
  target_compile_definitions(bsgen_test_main PUBLIC BSGEN_CATCH3)
endif()

function(bsgen_test name)
  cmake_parse_arguments(T "" "LABEL" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${T_SOURCES})
  target_link_libraries(${name} PRIVATE bsgen_test_main ${T_LINK})
  catch_discover_tests(${name} TEST_PREFIX "${T_LABEL}."
    PROPERTIES LABELS ${T_LABEL} SKIP_REGULAR_EXPRESSION "SKIPPED: " TIMEOUT 600)
endfunction()
