// What tests of the engine share: a layout, the compilers' presence.
#pragma once

#include "bsgen/layout.h"
#include "bsgen/options.h"
#include "compiler/nvrtc/compile.h"
#include "tests/support/catch.h"

namespace bsgen::test {

inline Layout small_layout() { return *Layout::from_bits({1, 1, 0, 1}, 2, 2, {32, 32}); }

inline bool have_nvrtc() {
  const auto environment = Environment::read();
  return nvrtc::open_toolchain(environment ? environment->cuda_dir : "").ok();
}
#define BSGEN_NEED_NVRTC() \
  if (!bsgen::test::have_nvrtc()) BSGEN_SKIP("NVRTC not found")

}  // namespace bsgen::test
