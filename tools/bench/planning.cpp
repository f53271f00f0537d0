// Planning: mask bits -> layout -> plan -> source, and how its time grows with the blocks.
#include <fmt/format.h>

#include <cmath>

#include "compiler/codegen/generate.h"
#include "compiler/plan/choose.h"
#include "compiler/support/philox.h"
#include "tools/bench/figures.h"
#include "tools/bench/samples.h"

namespace bsgen::bench {
namespace {

constexpr const char* kArea = "planning";

// `blocks` present blocks, drawn without replacement by a shuffle of the first positions.
std::vector<std::uint8_t> draw_bits(std::int64_t side, std::int64_t blocks) {
  std::vector<std::uint8_t> bits(static_cast<std::size_t>(side * side), 0);
  std::uint64_t n = 0;
  for (std::int64_t placed = 0; placed < blocks; ++n) {
    const PhiloxBlock drawn =
        philox4x32({static_cast<std::uint32_t>(n), static_cast<std::uint32_t>(n >> 32), 0, 7}, 1);
    const std::uint64_t at = (std::uint64_t{drawn[0]} << 32 | drawn[1]) % bits.size();
    if (bits[at]) continue;
    bits[at] = 1;
    ++placed;
  }
  return bits;
}

Expected<std::size_t> bits_to_source(const std::vector<std::uint8_t>& bits, std::int64_t side) {
  BSGEN_ASSIGN(const Layout layout, Layout::from_bits(bits, side, side, {32, 32}));
  const Problem problem;
  BSGEN_ASSIGN(const plan::KernelPlan plan, plan::choose(layout, problem, Arch{}, {}));
  BSGEN_ASSIGN(const codegen::KernelSource source,
               codegen::generate(plan, plan::make_schedule(plan, layout), layout, {}));
  return source.cuda.size();
}

}  // namespace

std::vector<Figure> planning(const SuiteOptions&) {
  struct Point {
    std::int64_t side, blocks;
    double ms;
  };
  std::vector<Point> points;
  std::vector<Figure> figures;
  for (const std::int64_t side : {512, 1024, 2048, 4096}) {
    const std::int64_t blocks = 26000 * (side / 512) * (side / 512);
    const auto bits = draw_bits(side, blocks);
    if (const auto tried = bits_to_source(bits, side); !tried)
      return {not_measured(kArea, fmt::format("{} blocks on {} x {}", blocks, side, side), "",
                           tried.status().message())};
    const Timed timed =
        time_ms(1, side <= 1024 ? 15 : 5, [&] { (void)bits_to_source(bits, side); });
    const Samples& samples = timed.quoted();
    points.push_back({side, blocks, samples.median()});
    if (side == 512)
      figures.push_back(
          {kArea,
           "26000 blocks on 512 x 512, mask bits to source",
           "at most 10 ms",
           spread(samples, "ms"),
           samples.median() <= 10 ? Verdict::kOk : Verdict::kMissed,
           "median of 15 after a warm-up; fprop bf16 sm_80, tier auto" + timed.note("ms"),
           {{"median_ms", samples.median()},
            {"p10_ms", samples.p10()},
            {"p90_ms", samples.p90()}}});
  }
  // The exponent of time over blocks between the smallest and the largest; 1 is linear. Caches that
  // no longer hold the mask cost a constant factor once, which 0.15 over a factor of 64 in blocks
  // allows for.
  const Point &first = points.front(), &last = points.back();
  const double exponent =
      std::log(last.ms / first.ms) /
      std::log(static_cast<double>(last.blocks) / static_cast<double>(first.blocks));
  std::string measured = fmt::format("blocks^{:.2f}:", exponent);
  Figure growth{kArea,
                "time over blocks, 512 x 512 to 4096 x 4096",
                "linear in blocks",
                "",
                exponent <= 1.15 ? Verdict::kOk : Verdict::kMissed,
                "exponent between the ends, medians; at most 1.15 counts as linear",
                {{"exponent", exponent}}};
  for (const Point& p : points) {
    measured += fmt::format(" {} ms ({} ns a block)", short_number(p.ms),
                            short_number(p.ms * 1e6 / static_cast<double>(p.blocks)));
    growth.values.emplace_back(fmt::format("ms_{}", p.side), p.ms);
  }
  growth.measured = measured;
  figures.push_back(growth);
  return figures;
}

}  // namespace bsgen::bench
