// Which source lines each line of a PTX text came from, read from its .file and .loc directives (-lineinfo).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bsgen::sim::ptx {

struct SourceMap {
  using Place = std::pair<int, int>;  // (index into files, line counted from 0)
  using Chain = std::vector<Place>;   // innermost inlined function first, then its callers

  std::vector<std::string> files;  // as .file names them
  // One for each place in the source, to the column, and each way of inlining it. Copies of an unrolled loop share it.
  std::vector<Chain> chains;
  std::vector<int> lines;          // per PTX line: index into chains, -1 = none
};

// Any text is accepted: what is not a directive of the expected form has no place.
SourceMap map_ptx(std::string_view ptx);

}  // namespace bsgen::sim::ptx
