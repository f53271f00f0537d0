// The lines behind a place in the PTX: the instruction itself, and the CUDA lines that it came from, to be quoted beneath a message.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compiler/codegen/kernel_source.h"
#include "runtime/sim/ptx/source_map.h"

namespace bsgen::cli {

class Quotes {
 public:
  struct Place {
    std::string file;  // "bsgen/kernels/dds.cuh"; the generated file by its name alone
    int line = 0;      // from 1
    std::string text;  // empty where the text is not at hand
    bool operator==(const Place&) const = default;
    auto operator<=>(const Place&) const = default;
  };
  Quotes(std::string ptx, const codegen::KernelSource& source);
  Quotes(const Quotes&) = delete;  // views into its own text
  Quotes& operator=(const Quotes&) = delete;

  std::string ptx_line(int line) const;                // from 1; without leading and trailing space
  std::vector<Place> cuda_places(int ptx_line) const;  // innermost inlined function first, then its callers
  // The one line of these that tells most: the innermost that is not a wrapper of an instruction (templates/bsgen/ptx, common).
  Place telling_place(int ptx_line) const;
  const std::string& ptx() const { return ptx_; }

 private:
  std::string ptx_;
  std::vector<std::string_view> ptx_lines_;
  sim::ptx::SourceMap map_;
  std::vector<std::string> names_;                    // of map_.files, as they are included
  std::vector<std::vector<std::string>> file_lines_;  // of map_.files; empty where a file is not at hand
};

// Beneath a finding: the PTX line and the CUDA lines, each with its number and file.
//      212 |  ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r1, %r2, %r3, %r4}, [%r9];     ptx
//       88 |  ptx::ldmatrix(a[i], address);                                             bsgen/kernels/dds.cuh
std::string quote(const Quotes& quotes, int ptx_line, const std::string& indent);

}  // namespace bsgen::cli
