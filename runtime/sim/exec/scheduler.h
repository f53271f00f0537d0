// Runs clusters: Worker::go_on and what it stands on (warp.h).
#pragma once

#include <array>
#include <cstring>

#include "runtime/sim/exec/warp.h"

namespace bsgen::sim {

// The cta whose turn is number `order` under the launch's schedule; ctas of a cluster follow each other.
struct CtaPlace {
  std::array<std::uint32_t, 3> index;
  std::uint64_t linear;  // its number in the grid
};
std::uint64_t drawn(std::uint64_t number);  // a seed's choice at this number
CtaPlace cta_place(const LaunchState& launch, std::uint64_t order);

}  // namespace bsgen::sim
