// A compiler's diagnostics as the message a person gets: each with its numbered source lines around
// it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/nvrtc/log_parser.h"

namespace bsgen::nvrtc {

// The text of the file that a log names; empty where it is unknown.
using SourceOf = std::function<std::string_view(const std::string& file)>;

// At most kMostShown errors, the rest counted; warnings are left out. `headline` comes first,
// `repeat` last.
//
//   nvrtc: k.cu does not compile for sm_80: 1 error
//   k.cu:6: error: static assertion failed with "kTileM must be 8"
//        5 | template <class T>
//     >  6 | static_assert(sizeof(T) == 8, "kTileM must be 8");
//          | ^
std::string error_message(std::string_view headline, const std::vector<LogEntry>& entries,
                          const SourceOf& source_of);
inline constexpr int kMostShown = 8;

}  // namespace bsgen::nvrtc
