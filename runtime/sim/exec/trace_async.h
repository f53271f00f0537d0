// What a traced warp sees of work beside it: phases of mbarriers, copies under way, groups of wgmma and bulk copies, and the accumulators that
// wgmma leaves when it is waited for.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "runtime/sim/exec/cluster.h"
#include "runtime/sim/exec/warp.h"

namespace bsgen::sim {

class AsyncWatch {
 public:
  // Before an instruction of the warp; what has happened since its last one is an event of this one.
  void before(const Warp& warp, std::uint32_t op, std::vector<std::string>& events);
  // After it.
  void after(const Warp& warp, std::uint32_t op, std::vector<std::string>& events);

  // Registers (indices of Program::registers) that an unfinished wgmma of this warp has, with what was in them at its issue.
  using Values = std::array<std::uint64_t, kLanes>;
  std::map<std::uint32_t, Values> accumulators;

 private:
  struct Phase {
    bool live = false;
    std::uint64_t phase = 0;
    std::int64_t pending = 0, transactions = 0;
    bool operator==(const Phase&) const = default;
  };
  void look(const Warp& warp);
  void compare(const Warp& warp, std::string_view since, std::vector<std::string>& events);
  void note_wait(const Warp& warp, std::uint32_t op, std::vector<std::string>& events) const;

  bool looked_ = false;
  std::vector<Phase> phases_;       // by mbarrier
  std::size_t flights_ = 0;
  std::size_t queued_[kNumAsyncKinds] = {};
  std::vector<std::size_t> waited_;  // mbarriers that the instruction's lanes name
};

}  // namespace bsgen::sim
