#include "compiler/support/nearest.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace bsgen {

// Over three rows of its table.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  constexpr std::size_t kLongest = 64;
  a = a.substr(0, kLongest), b = b.substr(0, kLongest);
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(above);
    above.swap(row);
  }
  return above[b.size()];
}

std::string_view nearest(std::string_view text, std::span<const std::string_view> candidates) {
  const auto far = [&](std::string_view candidate) {
    const auto alike = std::mismatch(candidate.begin(), candidate.end(), text.begin(), text.end()).first - candidate.begin();
    return std::pair(text.size() > 2 && candidate.starts_with(text) ? 0 : edit_distance(text, candidate), -alike);
  };
  const auto found = std::min_element(candidates.begin(), candidates.end(), [&](std::string_view a, std::string_view b) { return far(a) < far(b); });
  return found == candidates.end() ? std::string_view() : *found;
}

}  // namespace bsgen
