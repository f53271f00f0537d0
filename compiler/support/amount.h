// Amounts as people write them: "64M", "12h".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace bsgen {

using Units = std::vector<std::pair<char, std::uint64_t>>;

// A whole number and one of the units' letters, each with its factor; a number alone counts as it is. Nothing where the
// text is anything else, or more than an int64 holds.
std::optional<std::uint64_t> parse_amount(std::string_view text, const Units& units);

inline const Units kByteUnits = {{'K', 1ull << 10}, {'M', 1ull << 20}, {'G', 1ull << 30}};

}  // namespace bsgen
