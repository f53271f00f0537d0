// The parts of a generated file, one function each; every one returns CUDA text.
#pragma once

#include <string>

#include "bsgen/layout.h"
#include "compiler/analysis/structure.h"
#include "compiler/epilogue/epilogue.h"
#include "compiler/plan/kernel_plan.h"
#include "compiler/plan/schedule.h"

namespace bsgen::codegen {

// `struct Schedule` of tier structural: the closed form as index functions.
std::string structural_schedule(const plan::KernelPlan& plan, const analysis::Structure& structure);
// Of tier constant: panels and entries as __constant__ data.
std::string constant_schedule(const plan::KernelPlan& plan, const plan::Schedule& schedule);
// `template <int kIndex> struct Schedule` of tier unrolled: every entry an immediate.
std::string unrolled_schedule(const plan::KernelPlan& plan, const plan::Schedule& schedule);

// `struct Epilogue`; empty text for the identity.
std::string epilogue_struct(const epilogue::Epilogue& epilogue, bool fast);

// A comment that draws the mask with # and ., for grids that fit a page; empty beyond.
std::string mask_picture(const Layout& layout);

}  // namespace bsgen::codegen
