// A request as bundles name it: bytes that are looked up, and the line of text that asks for it.
//
// A request is what the caller said: layout, problem, options, architecture. Nothing that a planner, a compiler or a machine added is in it, so it
// can be looked up before anything is planned, and where no compiler is installed. Not in it either: the compile budget, which bounds what a
// bundle has already paid, and the template folder, for whoever edits templates compiles.
#pragma once

#include <string>
#include <string_view>

#include "bsgen/layout.h"
#include "bsgen/options.h"
#include "bsgen/problem.h"
#include "bsgen/status.h"

namespace bsgen::runtime {

struct BundleRequest {
  Hash128 layout;
  Problem problem;
  CompileOptions options;
  Arch arch;
};

// Equal for requests that are the same, however their epilogues are spelled; an epilogue that does not parse is an error.
Expected<std::string> request_bytes(const BundleRequest& request);
// The same with another architecture, in place.
void set_arch(std::string& request_bytes, const Arch& arch);

// "--op bprop --dtype fp16 --arch sm_90a": what stands behind MASK, options with their default left out but for --arch.
std::string request_options(const Problem& problem, const CompileOptions& options, const Arch& arch);
// MASK and --block, --size for a layout that nobody named: a generator of kind `bits` that spells it out, or, where that would be longer than 1 KiB,
// HASH.layout, the file that Layout::dump writes.
std::string mask_text(const Layout& layout);

// Words of a line, split as a shell does: blanks separate, '...' and "..." keep them together, a backslash takes the next character as it is.
Expected<std::vector<std::string>> split_words(std::string_view line);
// The word as such a line holds it.
std::string quote_word(std::string_view word);

}  // namespace bsgen::runtime
