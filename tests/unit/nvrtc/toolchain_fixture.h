// NVRTC where this machine has it, and a small kernel whose every byte is known.
#pragma once

#include <cstdlib>
#include <string>

#include "compiler/nvrtc/compile.h"
#include "tests/support/catch.h"

namespace bsgen::test {

inline Expected<const nvrtc::Toolchain*> toolchain() {
  const char* folder = std::getenv("BSGEN_CUDA_DIR");
  return nvrtc::open_toolchain(folder ? folder : "");
}

// Declares `toolchain`, or skips the test case.
#define BSGEN_NEED_TOOLCHAIN(toolchain)                                     \
  const auto found_##toolchain = ::bsgen::test::toolchain();                \
  if (!found_##toolchain) BSGEN_SKIP(found_##toolchain.status().message()); \
  const ::bsgen::nvrtc::Toolchain& toolchain = **found_##toolchain

inline codegen::KernelSource small_source() {
  return {
      .entry = "scale",
      .name = "scale.cu",
      .cuda =
          "#include <bsgen/twice.cuh>\n"
          "extern \"C\" __global__ void scale(float* x, int n) {\n"
          "  __shared__ float s[64];\n"
          "  s[threadIdx.x] = x[threadIdx.x];\n"
          "  __syncthreads();\n"
          "  x[threadIdx.x] = bsgen::twice(s[n]) * 3.0f + 1.0f;\n"
          "}\n",
      .headers = {
          {"bsgen/twice.cuh",
           "#pragma once\nnamespace bsgen {\ninline float twice(float x) { return x + x; }\n}\n"}}};
}

inline Arch sm(int number, char suffix = '\0') {
  return {.number = number, .suffix = suffix};
}

}  // namespace bsgen::test
