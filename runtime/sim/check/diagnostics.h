// Findings of one launch: collected per worker, merged so that the result does not depend on how many workers there were.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/sim/exec/program.h"
#include "runtime/sim/sim_device.h"

namespace bsgen::sim {

class Findings {
 public:
  struct Where {
    std::uint64_t cta = 0;  // in launch order
    std::array<std::uint32_t, 3> index = {};
    int warp = -1;
  };
  // The kind must be a literal. The message is made only for the first of its kind at an instruction.
  template <class MakeMessage>
  void add(Severity severity, std::string_view kind, std::uint32_t op, const Where& where, MakeMessage&& message) {
    const auto [found, is_new] = entries_.try_emplace({op, kind});
    if (is_new) found->second = {severity, where, 0, message()};
    ++found->second.count;
  }
  void merge(const Findings& other);
  bool empty() const { return entries_.empty(); }
  // What has been found at an instruction so far, by kind.
  struct Found {
    std::string_view kind;
    std::uint64_t count = 0;
    Where where;  // of the first
    std::string message;
  };
  std::vector<Found> at(std::uint32_t op) const;
  // Errors before warnings, then in order of the first cta, which lies before `end`, then of the instruction; at most `limit`. What is
  // one fault at several instructions is one (finding_groups.h).
  std::vector<Diagnostic> list(const Program& program, std::uint64_t end, int limit) const;

 private:
  struct Entry {
    Severity severity = Severity::kError;
    Where where;  // the lowest cta that has it
    std::uint64_t count = 0;
    std::string message;
  };
  std::map<std::pair<std::uint32_t, std::string_view>, Entry> entries_;
};

// "ptx line 212, kernel.cu line 31"
std::string lines(const Program& program, std::uint32_t op);
// "(ptx line 212, kernel.cu line 31, kernel bsgen_fprop)"
std::string place(const Program& program, std::uint32_t op);

}  // namespace bsgen::sim
