// Catch2 2.13 (Debian 12) and 3.x under one include, and the project's way to skip with a reason.
#pragma once

#ifdef BSGEN_CATCH3
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include <cstdio>

// Skips the rest of a test case; CTest lists it as skipped because of the printed words.
#define BSGEN_SKIP(reason)                                  \
  do {                                                      \
    std::printf("SKIPPED: %s\n", std::string(reason).c_str()); \
    return;                                                 \
  } while (false)
