#include "runtime/sim/decode/blocks.h"

namespace bsgen::sim::decoding {

std::vector<Block> blocks_of(const Program& program) {
  const auto size = static_cast<std::uint32_t>(program.ops.size());
  std::vector<bool> leader(size + 1, false);
  leader[0] = true;
  for (std::uint32_t i = 0; i < size; ++i) {
    const Op& op = program.ops[i];
    if (op.kind == OpKind::kBranch) leader[op.target] = true;
    if (op.kind == OpKind::kBranchTable)
      for (int t = 0; t < op.immediate; ++t) leader[program.extra[op.target + t]] = true;
    if (op.kind == OpKind::kBranch || op.kind == OpKind::kBranchTable || op.kind == OpKind::kExit) leader[i + 1] = true;
  }
  std::vector<Block> blocks;
  std::vector<std::uint32_t> block_at(size, 0);
  for (std::uint32_t i = 0; i < size; ++i) {
    if (leader[i]) blocks.push_back({i, i, {}});
    block_at[i] = static_cast<std::uint32_t>(blocks.size() - 1);
    blocks.back().last = i + 1;
  }
  for (Block& block : blocks) {
    const Op& end = program.ops[block.last - 1];
    const bool falls = !((end.kind == OpKind::kBranch || end.kind == OpKind::kExit || end.kind == OpKind::kBranchTable) && end.guard == kNoGuard);
    if (falls && block.last < size) block.successors.push_back(block_at[block.last]);
    if (end.kind == OpKind::kBranch) block.successors.push_back(block_at[end.target]);
    if (end.kind == OpKind::kBranchTable)
      for (int t = 0; t < end.immediate; ++t) block.successors.push_back(block_at[program.extra[end.target + t]]);
  }
  return blocks;
}

}  // namespace bsgen::sim::decoding
