#include <fmt/format.h>

#include "compiler/plan/kernel_plan.h"

namespace bsgen::plan {

Expected<Grid> grid(const KernelPlan& plan, std::int64_t tokens) {
  constexpr std::int64_t kMostTokens = 2147483647 - 256;  // device code counts tokens in 32 bits and rounds up to a tile
  if (tokens < 0 || tokens > kMostTokens)
    return Status(ErrorCode::kInvalidArgument, fmt::format("launch: {} tokens, a launch takes 0 to {}; split the tokens", tokens, kMostTokens));
  if (plan.num_panels == 0) return Grid{0};
  std::int64_t ctas = plan.num_panels;
  if (plan.problem.op != Op::kUpdate) ctas *= (tokens + plan.tile.tokens - 1) / plan.tile.tokens;
  constexpr std::int64_t kLimit = 2147483647;  // gridDim.x, CUDA programming guide, technical specifications
  if (ctas > kLimit)
    return Status(ErrorCode::kInvalidArgument,
                  fmt::format("launch: {} tokens make {} ctas, a grid has at most {}; split the tokens", tokens, ctas, kLimit));
  return Grid{static_cast<std::uint32_t>(ctas)};
}

}  // namespace bsgen::plan
