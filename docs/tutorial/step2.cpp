// Step 2: a Layout and a Problem become a plan, CUDA source and an image. Needs NVRTC, no GPU and no driver.
#include <bsgen/bsgen.h>

#include <cstdio>
#include <iostream>

int main() {
  auto layout = bsgen::read_mask("tests/data/demo/fashion_mlp_fc1.txt", {.block = {32, 32}});
  if (!layout) return std::fputs(layout.status().message().c_str(), stderr), 1;

  bsgen::Problem problem{.op = bsgen::Op::kFprop, .dtype = bsgen::DType::kBf16};
  bsgen::Arch arch{.number = 80};
  auto compiled = bsgen::compile(*layout, problem, arch, {.tier = bsgen::Tier::kTable});
  if (!compiled) return std::fputs(compiled.status().message().c_str(), stderr), 1;

  compiled->plan.dump(std::cout);                     // every choice, with its reason
  std::cout << compiled->source.cuda.substr(0, 400);  // the CUDA, from its provenance line on
  std::printf("\n... entry %s: %zu bytes of PTX, %zu of cubin, %d registers, %d bytes spilled\n",
              compiled->image.entry.c_str(), compiled->image.ptx.size(), compiled->image.cubin.size(),
              compiled->image.resources.registers, compiled->image.resources.spill_bytes);
  return compiled->image.verify() && compiled->image.resources.spill_bytes == 0 ? 0 : 1;
}
