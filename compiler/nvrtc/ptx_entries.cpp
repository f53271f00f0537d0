#include "compiler/nvrtc/ptx_entries.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

namespace bsgen::nvrtc {

std::vector<std::string> ptx_entries(std::string_view ptx) {
  constexpr std::string_view kEntry = ".entry";
  std::vector<std::string> names;
  while (!ptx.empty()) {
    const auto end = ptx.find('\n');
    std::string_view line = ptx.substr(0, end);
    ptx = end == std::string_view::npos ? std::string_view() : ptx.substr(end + 1);
    line = line.substr(0, line.find("//"));
    const auto at = line.find(kEntry);
    if (at == std::string_view::npos) continue;
    line.remove_prefix(at + kEntry.size());
    const auto begin = line.find_first_not_of(" \t");
    if (begin == std::string_view::npos || begin == 0) continue;
    const auto is_name = [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%';
    };
    const auto stop =
        std::find_if_not(line.begin() + static_cast<std::ptrdiff_t>(begin), line.end(), is_name);
    names.emplace_back(line.begin() + static_cast<std::ptrdiff_t>(begin), stop);
  }
  return names;
}

Status check_entry(std::string_view ptx, std::string_view entry) {
  const auto names = ptx_entries(ptx);
  if (std::find(names.begin(), names.end(), entry) != names.end()) return {};
  if (names.empty())
    return Status(ErrorCode::kInvalidArgument,
                  fmt::format("ptx: the text declares no kernel, {} is wanted (.visible .entry {})",
                              entry, entry));
  return Status(
      ErrorCode::kInvalidArgument,
      fmt::format("ptx: kernel {} is wanted, the text declares {}", entry, fmt::join(names, ", ")));
}

}  // namespace bsgen::nvrtc
