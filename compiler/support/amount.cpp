#include "compiler/support/amount.h"

#include <charconv>
#include <limits>

namespace bsgen {

std::optional<std::uint64_t> parse_amount(std::string_view text, const Units& units) {
  std::uint64_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  if (rest == text.data() + text.size()) return value;
  for (const auto& [letter, factor] : units)
    if (*rest == letter && rest + 1 == text.data() + text.size() && value <= std::numeric_limits<std::int64_t>::max() / factor)
      return value * factor;
  return std::nullopt;
}

}  // namespace bsgen
