// compile(): the whole pipeline for one request, every stage's value kept so that it can be read.
//
//   auto compiled = bsgen::compile(layout, problem, arch, options);
//   std::fputs(compiled->image.ptx.c_str(), stdout);
//
// A function of its arguments and of the toolchain it is given; needs no GPU and no driver.
#pragma once

#include "bsgen/kernel.h"
#include "bsgen/layout.h"
#include "bsgen/options.h"
#include "bsgen/problem.h"
#include "bsgen/status.h"
#include "compiler/codegen/kernel_source.h"
#include "compiler/plan/kernel_plan.h"
#include "compiler/plan/schedule.h"

namespace bsgen {

struct CompiledKernel {
  plan::KernelPlan plan;
  plan::Schedule schedule;       // what each cta does, derived from plan and layout; bound to the kernel in tier table
  codegen::KernelSource source;
  KernelImage image;
  double plan_ms = 0, codegen_ms = 0;
};

// cuda_dir: where NVRTC lies; empty = the usual places.
Expected<CompiledKernel> compile(const Layout& layout, const Problem& problem, const Arch& arch,
                                 const CompileOptions& options = {}, const std::string& cuda_dir = {});

}  // namespace bsgen
