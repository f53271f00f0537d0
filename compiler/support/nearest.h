// The near miss that an unknown name is answered with.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace bsgen {

// Insertions, deletions, replacements and swaps of neighbours that make one name of the other (optimal string alignment); of each, the
// first 64 characters count, which no name of ours reaches.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The candidate that begins as the text does (from three characters on, "--tok" means --tokens), else the one with the smallest edit
// distance; of equals the one that begins most like it, then the first. Empty where there are no candidates.
std::string_view nearest(std::string_view text, std::span<const std::string_view> candidates);

}  // namespace bsgen
