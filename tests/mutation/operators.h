// The mutation operators: each makes one small mistake that a person, a code generator or a merge could make.
//
//   wait.drop       a wait (cp.async, bulk, wgmma, mbarrier, griddepcontrol) is gone     wait.weaken    wait_group N becomes N + 1
//   barrier.drop    bar.sync, bar.warp.sync, barrier.cluster.* is gone                   arrive.drop    bar.arrive, mbarrier.arrive is gone
//   fence.drop      fence.*, membar, wgmma.fence is gone                                 commit.drop    a commit_group is gone
//   order.weaken    .release and .acquire become .relaxed, .cluster becomes .cta         count          arrivals expected by an mbarrier or a barrier +- 1
//   tx.bytes        bytes that an mbarrier expects +- 16                                 parity         the other parity is waited for
//   stage.count     the divisor of a stage index, the step from stage to stage           swizzle        xor, masks and shifts in shared addresses
//   offset          constants added to shared addresses                                  descriptor     constants in wgmma descriptors
//   bound           lt becomes le, a limit moves by one                                  predicate      a guard is dropped, negated, a branch always or never taken
//   source.size     cp.async copies all of its bytes, or none
#pragma once

#include <string>
#include <vector>

#include "tests/mutation/ptx_text.h"

namespace bsgen::mutation {

struct Mutant {
  std::string op;           // one of the above
  std::size_t statement = 0;
  std::string replacement;  // of the statement; empty = removed
};

// Every mutant of the text, in order of the statements.
std::vector<Mutant> mutate(const PtxText& text);

}  // namespace bsgen::mutation
