// What surrounds the verbs: help that teaches, and refusals that name the nearest thing that
// exists.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "bsgen/status.h"

namespace bsgen::cli {

// Name, description, --version, examples and the table of environment variables (options.def). Call
// before adding verbs.
void describe(CLI::App& app);

// Parses; `shown` says that help or the version was printed and nothing remains to be done. Errors
// are one readable line: an unknown verb or option names the nearest one, an option of another verb
// names that verb.
Status parse(CLI::App& app, int argc, const char* const* argv, bool& shown);

// The candidate that needs the fewest insertions, deletions, substitutions and neighbour swaps to
// become `text`; "" of none.
std::string nearest(std::string_view text, const std::vector<std::string>& candidates);

}  // namespace bsgen::cli
