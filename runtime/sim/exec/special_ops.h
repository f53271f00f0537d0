// mov in its particular forms: special registers, packing and unpacking; cvta; set.
#pragma once

#include <string_view>

#include "runtime/sim/exec/memory_map.h"
#include "runtime/sim/exec/program.h"

namespace bsgen::sim {

// "%tid.x" and so on; `which` is what goes into Op::immediate. nullptr for an unknown name. flags: 1 = into 64 bits, 2 = into a predicate.
Handler special_handler(std::string_view name, std::int64_t& which);

// Op::extra holds the parts, slot[0] the whole; flags 1 = the whole has 64 bits; element_bytes = of a part.
void pack_vector(Warp& warp, const Op& op);
void unpack_vector(Warp& warp, const Op& op);
// d = a + immediate, 64 bits.
void add_immediate64(Warp& warp, const Op& op);
// Runs the comparison in Op::function into predicate slot[5], then d = immediate or 0.
void set_from_comparison(Warp& warp, const Op& op);

// Where a state space begins in the generic address space.
constexpr std::uint64_t window_of(ptx::Space space) {
  return space == ptx::Space::kShared ? kSharedWindow : space == ptx::Space::kLocal ? kLocalWindow : space == ptx::Space::kParam ? kParamWindow : 0;
}

// mov.b128. extra = registers to write, then registers to read: two of 64 bits, or with these flags four of 32.
enum : std::uint8_t { kToWords = 1, kFromWords = 2 };
void move_128_bits(Warp& warp, const Op& op);

}  // namespace bsgen::sim
