// Whether a mutated value ever matters: the original text, which beside each register that depends on the value also computes what the
// mutant would have there, and traps where something other than arithmetic uses one that differs: an address, a stored value, a branch.
#pragma once

#include <string>

#include "tests/mutation/operators.h"

namespace bsgen::mutation {

// Empty where the mutant is not one arithmetic statement in place of another.
std::string trap_where_uses_differ(const PtxText& text, const Mutant& mutant);

}  // namespace bsgen::mutation
