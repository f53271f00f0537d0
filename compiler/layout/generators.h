// Masks from a rule. Exact semantics, draws included, are in docs/reference/masks.md.
#pragma once

#include "bsgen/layout.h"
#include "compiler/layout/generator_spec.h"

namespace bsgen::layout {

Expected<Layout> generate(const GeneratorSpec& spec, BlockShape block, MatrixSize size);

}  // namespace bsgen::layout
