// What the cpu device's tests share.
#pragma once

#include "bsgen/cpu.h"
#include "bsgen/layout.h"
#include "tests/support/catch.h"

namespace bsgen::test {

inline const Layout& ragged_mask() {
  static const Layout layout = *read_mask("random:9x8:density=0.4,seed=3", {.block = {32, 16}, .size = {280, 125}});
  return layout;
}

}  // namespace bsgen::test

#define NEEDS_CPU() \
  if (const auto opened = open_cpu(); !opened) BSGEN_SKIP(opened.status().message())
