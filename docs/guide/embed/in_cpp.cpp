// The CUDA that bsgen writes for a mask, from C++.
#include <bsgen/bsgen.h>

#include <cstdio>

int main() {
  auto layout = bsgen::read_mask("banded:8x8:width=3", {.block = {32, 32}});
  if (!layout) return std::fprintf(stderr, "%s\n", layout.status().message().c_str()), 1;
  auto compiled = bsgen::compile(*layout, {.op = bsgen::Op::kFprop, .dtype = bsgen::DType::kBf16}, {.number = 90});
  if (!compiled) return std::fprintf(stderr, "%s\n", compiled.status().message().c_str()), 1;
  std::printf("%s: %d registers\n", compiled->image.entry.c_str(), compiled->image.resources.registers);
}
