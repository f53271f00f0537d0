// Runs this very program again in a fresh process, for figures that a warm process would falsify.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bsgen/status.h"
#include "tools/bench/figures.h"

namespace bsgen::bench {

// `self` with `arguments` and these variables besides its environment; the two numbers that it
// prints. An error carries what it wrote to standard error.
Expected<ChildTime> time_in_child(
    const std::string& self, const std::vector<std::string>& arguments,
    const std::vector<std::pair<std::string, std::string>>& variables = {});

}  // namespace bsgen::bench
