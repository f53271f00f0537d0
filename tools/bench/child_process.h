// Runs this very program again in a fresh process, for figures that a warm process would falsify.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bsgen/status.h"

namespace bsgen::bench {

// `self` with `arguments` and these variables besides its environment; the number that it prints. An error carries what it wrote to
// standard error.
Expected<double> number_from_child(const std::string& self, const std::vector<std::string>& arguments,
                                   const std::vector<std::pair<std::string, std::string>>& variables = {});

}  // namespace bsgen::bench
