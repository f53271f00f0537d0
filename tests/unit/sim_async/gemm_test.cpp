// A warp-specialised GEMM with tensor maps, mbarriers and wgmma (kernels/wgmma_gemm.cu, compiled by NVRTC 13.0): exact and silent under every
// schedule; and mutants of it, each of which is found.
#include <cmath>
#include <cstring>
#include <fstream>
#include <random>
#include <sstream>

#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

std::string kernel() {
  std::ifstream file(BSGEN_SIM_ASYNC_KERNELS "/wgmma_gemm_sm_90a.ptx");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}
// Every occurrence.
std::string replaced(std::string text, const std::string& from, const std::string& to) {
  REQUIRE(text.find(from) != std::string::npos);
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
  return text;
}

struct Outcome {
  Launched launched;
  bool right = true;
};
Outcome run(const std::string& ptx, const Schedule& schedule, int num_k = 7) {
  const int m = 200, n = 248, k = num_k * 64 - 8;  // clipped by the maps on every side
  std::mt19937 random(11);
  const auto fill = [&](std::size_t size) {
    std::vector<std::uint16_t> values(size);
    for (std::uint16_t& v : values) v = static_cast<std::uint16_t>(__builtin_bit_cast(std::uint32_t, static_cast<float>(static_cast<int>(random() % 9) - 4)) >> 16);
    return values;
  };
  const auto value = [](std::uint16_t x) { return __builtin_bit_cast(float, std::uint32_t{x} << 16); };
  const auto a = fill(std::size_t(m) * k), b = fill(std::size_t(n) * k);
  auto sim = SimDevice::create({.arch = *Arch::parse("sm_90a"), .timing = schedule.timing, .seed = schedule.seed, .num_threads = 1, .max_diagnostics = 1000});
  const auto da = *sim->allocate(a.size() * 2), db = *sim->allocate(b.size() * 2), dc = *sim->allocate(std::size_t(m) * n * 2);
  REQUIRE((sim->copy_in(da.address(), std::as_bytes(std::span(a))).ok() && sim->copy_in(db.address(), std::as_bytes(std::span(b))).ok()));
  const auto map = [&](std::uint64_t address, int columns, int rows, std::uint32_t box_rows) {
    const auto made = sim->encode_tensor_map({.type = TensorType::kBf16, .rank = 2, .address = address, .dims = {std::uint64_t(columns), std::uint64_t(rows)},
                                              .strides = {std::uint64_t(columns) * 2}, .box = {64, box_rows}, .swizzle = TensorSwizzle::k128B});
    INFO(made.status().message());
    REQUIRE(made.ok());
    return *made;
  };
  std::vector<std::uint64_t> parameters(49, 0);
  const TensorMap maps[3] = {map(da.address(), k, m, 128), map(db.address(), k, n, 128), map(dc.address(), n, m, 128)};
  for (int i = 0; i < 3; ++i) std::memcpy(parameters.data() + 16 * i, maps[i].bytes, sizeof maps[i].bytes);
  parameters[48] = static_cast<std::uint64_t>(num_k);
  Outcome made;
  made.launched = launch(*sim, ptx, {.grid_x = 2, .grid_y = 2, .threads = 384}, parameters, 4 * 32768 + 32768 + 64);
  std::vector<std::uint16_t> c(std::size_t(m) * n);
  REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(c)), dc.address()).ok());
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) {
      float sum = 0;
      for (int q = 0; q < k; ++q) sum += value(a[std::size_t(i) * k + q]) * value(b[std::size_t(j) * k + q]);
      const std::uint32_t bits = __builtin_bit_cast(std::uint32_t, sum);
      made.right &= c[std::size_t(i) * n + j] == static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    }
  return made;
}

TEST_CASE("a_warp_specialised_wgmma_gemm_is_exact_and_silent_under_every_schedule") {
  const std::string ptx = kernel();
  for (const Schedule& schedule : {Schedule{Timing::kEarly, 0}, Schedule{Timing::kLate, 0}, Schedule{Timing::kMixed, 1}, Schedule{Timing::kMixed, 2}, Schedule{Timing::kMixed, 3}}) {
    const Outcome outcome = run(ptx, schedule);
    INFO(schedule.text() << ": " << outcome.launched.status.message());
    CHECK(outcome.launched.status.ok());
    CHECK(outcome.launched.report.diagnostics.empty());
    CHECK(outcome.right);
  }
}

TEST_CASE("mutants_of_the_wgmma_gemm_are_found_early_and_late") {
  const std::string ptx = kernel();
  struct Mutant {
    const char *name, *kind, *from, *to;
  };
  const Mutant mutants[] = {
      {"no proxy fence before the tensor store", "proxy", "fence.proxy.async.shared::cta;", ""},
      {"no barrier before the tensor store", "shared_race", "bar.sync 1, 256;", ""},
      {"no barrier after the barriers are made", "mbarrier", "bar.sync \t0;", ""},
      {"no fence after the barriers are made", "mbarrier", "fence.mbarrier_init.release.cluster;", ""},
      {"the store is not waited for", "unwaited", "cp.async.bulk.wait_group 0;", ""},
      {"wgmma is not waited for", "shared_race", "wgmma.wait_group.sync.aligned 0;", "wgmma.wait_group.sync.aligned 1;"},
      {"stages are never given back", "deadlock", "mbarrier.arrive.release.cta.shared::cta.b64 _, [%r94];", ""},
      {"arrivals order nothing", "shared_race", "mbarrier.arrive.release.cta.shared::cta.b64", "mbarrier.arrive.relaxed.cta.shared::cta.b64"},
      {"waits order nothing", "shared_race", "mbarrier.try_wait.parity.acquire.cta", "mbarrier.try_wait.parity.relaxed.cta"},
      {"fewer bytes are expected than come", "mbarrier", "mov.u32 \t%r335, 32768;", "mov.u32 \t%r335, 32752;"},
      {"more bytes are expected than come", "deadlock", "mov.u32 \t%r335, 32768;", "mov.u32 \t%r335, 32784;"},
  };
  for (const Mutant& mutant : mutants)
    for (const Timing timing : {Timing::kEarly, Timing::kLate}) {
      const Outcome outcome = run(replaced(ptx, mutant.from, mutant.to), {timing, 0});
      std::string all;
      for (const Diagnostic& diagnostic : outcome.launched.report.diagnostics) all += diagnostic.message + "\n";
      INFO(mutant.name << ": " << all);
      CHECK(outcome.launched.find(mutant.kind) != nullptr);
    }
}

}  // namespace
}  // namespace bsgen::sim::test
