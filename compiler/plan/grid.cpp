#include <fmt/format.h>

#include "compiler/plan/kernel_plan.h"

namespace bsgen::plan {

Expected<Grid> grid(const KernelPlan& plan, std::int64_t tokens) {
  // Device code counts tokens in 32 bits. It rounds up to a tile, and to a whole number of layers of tiles below.
  constexpr std::int64_t kMostTokens = 2147483647 - 65536;
  if (tokens < 0 || tokens > kMostTokens)
    return Status(ErrorCode::kInvalidArgument, fmt::format("launch: {} tokens, a launch takes 0 to {}; split the tokens", tokens, kMostTokens));
  const auto panels = static_cast<std::uint32_t>(plan.num_panels);
  if (plan.problem.op == Op::kUpdate) return Grid{panels, 1, 1};
  constexpr std::int64_t kMostLayerTiles = 65535;  // gridDim.y and z, CUDA programming guide, technical specifications
  const std::int64_t tiles = (tokens + plan.tile.tokens - 1) / plan.tile.tokens, layers = (tiles + kMostLayerTiles - 1) / kMostLayerTiles;
  if (tiles == 0) return Grid{};
  return Grid{panels, static_cast<std::uint32_t>((tiles + layers - 1) / layers), static_cast<std::uint32_t>(layers)};
}

}  // namespace bsgen::plan
