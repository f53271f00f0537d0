// The basic blocks of a decoded program, for what follows values along its paths.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/sim/exec/program.h"

namespace bsgen::sim::decoding {

struct Block {
  std::uint32_t first, last;  // ops, last exclusive
  std::vector<std::uint32_t> successors;
};
std::vector<Block> blocks_of(const Program& program);  // in order of op; the first one is the entry

}  // namespace bsgen::sim::decoding
