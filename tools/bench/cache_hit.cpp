// A cache hit: a held request answered by the memory tier.
#include <fmt/format.h>

#include "bsgen/engine.h"
#include "tools/bench/figures.h"
#include "tools/bench/samples.h"

namespace bsgen::bench {
namespace {

Expected<Timed> hits(const std::string& cuda_dir) {
  EngineOptions options;
  options.disk_cache = false;
  options.cuda_dir = cuda_dir;
  Engine engine(options);
  BSGEN_ASSIGN(const std::shared_ptr<Device> device, Device::open("sim"));
  BSGEN_ASSIGN(const Layout layout, read_mask("random:64x64:density=0.1,seed=1", {}));
  BSGEN_ASSIGN(const Engine::Request request, engine.request(layout, {}, device));
  BSGEN_TRY(engine.kernel(request));
  bool failed = false;
  Timed timed =
      time_batches_ns(31, 20000, [&] { failed = failed || !engine.kernel(request).ok(); });
  if (failed) return Status(ErrorCode::kInternal, "bench: a hit failed");
  return timed;
}

}  // namespace

std::vector<Figure> cache_hit(const SuiteOptions& options) {
  const std::string what = "memory tier, from a held request", asked = "under 1 us";
  const auto timed = hits(options.cuda_dir);
  if (!timed) return {not_measured("a cache hit", what, asked, timed.status().message())};
  const Samples& samples = timed->quoted();
  return {
      {"a cache hit",
       what,
       asked,
       spread(samples, "ns"),
       samples.median() < 1000 ? Verdict::kOk : Verdict::kMissed,
       "31 batches of 20000 hits after a warm-up; one thread" + timed->note("ns"),
       {{"median_ns", samples.median()}, {"p10_ns", samples.p10()}, {"p90_ns", samples.p90()}}}};
}

}  // namespace bsgen::bench
