// What a launch reports of each instruction.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <random>
#include <set>

#include "runtime/sim/profile.h"
#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

Launched launch_on_page(const std::string& body, const LaunchConfig& config, int num_threads = 2) {
  auto sim = device("sm_90", Timing::kEarly, num_threads);
  const auto page = *sim->allocate(4096);
  REQUIRE(sim->copy_in(page.address(), std::vector<std::byte>(4096)).ok());
  return launch(*sim, kernel_text("ld.param.u64 %rd1, [in];\nmov.u32 %r1, %tid.x;\n" + body, ".param .u64 in", 90, ".shared .align 16 .b8 buffer[8192];"), config,
                {page.address()});
}
const InstructionProfile& of(const Launched& launched, std::string_view opcode) {
  const auto& all = launched.report.instructions;
  const auto found = std::find_if(all.begin(), all.end(), [&](const InstructionProfile& one) { return one.opcode == opcode; });
  REQUIRE(found != all.end());
  return *found;
}

// Two warps; 16 lanes of the first jump over the load and the rest meets them again at the barrier.
constexpr const char* kDivergent =
    "setp.lt.u32 %p1, %r1, 16;\n@%p1 add.s32 %r2, %r1, 1;\nmul.wide.u32 %rd3, %r1, 8;\nadd.s64 %rd4, %rd1, %rd3;\n@%p1 bra JOIN;\n"
    "ld.global.u32 %r3, [%rd4];\nJOIN:\nbar.sync 0;\nmov.u32 %r4, buffer;\nmad.lo.s32 %r5, %r1, 8, %r4;\nst.shared.u32 [%r5], %r1;\n";

TEST_CASE("a_profile_tells_lanes_waits_bytes_and_wavefronts_of_each_instruction") {
  const Launched launched = launch_on_page(kDivergent, {.threads = 64});
  INFO(launched.status.message());
  REQUIRE(launched.status.ok());
  const InstructionProfile& guarded = of(launched, "add.s32");
  CHECK(guarded.executions == 2);
  CHECK(guarded.skipped == 1);  // no lane of the second warp
  CHECK(guarded.active_lanes == 16);
  CHECK(guarded.kind == InstructionClass::kInteger);
  const InstructionProfile& load = of(launched, "ld.global.u32");
  CHECK(load.executions == 2);
  CHECK(load.skipped == 0);
  CHECK(load.active_lanes == 48);
  CHECK(load.requested_bytes == 48 * 4);
  CHECK(load.global_read_bytes == 48 * 8);  // every other word: half of each sector
  CHECK(load.global_write_bytes == 0);
  const InstructionProfile& barrier = of(launched, "bar.sync");
  CHECK(barrier.executions == 2);
  CHECK(barrier.waits == 1);  // the last to come does not wait
  CHECK(barrier.kind == InstructionClass::kSynchronize);
  const InstructionProfile& store = of(launched, "st.shared.u32");
  CHECK(store.shared_wavefronts == 4);  // words two apart: two in each bank
  CHECK(store.shared_wavefronts_ideal == 2);
  CHECK(store.active_lanes == 64);
  CHECK(store.ptx_line > barrier.ptx_line);
}

TEST_CASE("totals_are_the_sums_of_the_profile_and_neither_depends_on_threads") {
  const LaunchConfig config{.grid_x = 7, .threads = 64};
  const Launched one = launch_on_page(kDivergent, config, 1), many = launch_on_page(kDivergent, config, 4);
  REQUIRE(one.status.ok());
  const Counters& total = one.report.counters;
  CHECK(total.global_read_bytes == 7 * 48 * 8);
  CHECK(total.shared_wavefronts == 7 * 4);
  CHECK(total.warp_instructions == 7 * 2 * (one.report.instructions.size()));  // every warp comes to every line
  REQUIRE(one.report.instructions.size() == many.report.instructions.size());
  for (std::size_t i = 0; i < one.report.instructions.size(); ++i) {
    const InstructionProfile &a = one.report.instructions[i], &b = many.report.instructions[i];
    INFO(a.opcode);
    CHECK(a.executions == b.executions);
    CHECK(a.active_lanes == b.active_lanes);
    CHECK(a.waits == b.waits);
    CHECK(a.global_read_bytes == b.global_read_bytes);
  }
}

// Wavefronts as DESIGN section 8 has them, without a thought for speed.
struct Wavefronts { std::uint64_t actual = 0, ideal = 0; };
Wavefronts naive_wavefronts(const std::vector<std::uint32_t>& offsets, std::uint32_t bytes) {
  const std::uint32_t unit = std::max(4u, bytes), banks = 128 / unit, lanes = std::min(32u, 128 / unit);
  Wavefronts made;
  std::set<std::uint32_t> touched;
  for (std::uint32_t first = 0; first < 32; first += lanes) {
    std::map<std::uint32_t, std::set<std::uint32_t>> units_of_bank;
    for (std::uint32_t lane = first; lane < first + lanes; ++lane) units_of_bank[offsets[lane] / unit % banks].insert(offsets[lane] / unit);
    std::size_t worst = 0;
    for (const auto& [bank, units] : units_of_bank) worst = std::max(worst, units.size());
    made.actual += worst;
  }
  for (const std::uint32_t offset : offsets)
    for (std::uint32_t i = 0; i < bytes; ++i) touched.insert(offset + i);
  made.ideal = (touched.size() + 127) / 128;
  return made;
}

TEST_CASE("wavefronts_of_any_addresses_are_what_the_definition_says") {
  std::mt19937 random(7);
  for (int round = 0; round < 400; ++round) {
    const std::uint32_t bytes = 1u << random() % 5, range = 1u << (5 + random() % 8);
    const int pattern = static_cast<int>(random() % 3);
    std::vector<std::uint32_t> offsets(32);
    for (std::uint32_t lane = 0; lane < 32; ++lane)
      offsets[lane] = (pattern == 0 ? random() : pattern == 1 ? lane * (range / 32) : (lane ^ (lane / 8) * 3) * bytes) % range / bytes * bytes;
    auto sim = device("sm_90", Timing::kEarly, 1);
    const auto page = *sim->allocate(4096);
    std::vector<std::uint32_t> in(1024);
    std::copy(offsets.begin(), offsets.end(), in.begin());
    REQUIRE(sim->copy_in(page.address(), std::as_bytes(std::span(in))).ok());
    const char* loads[] = {"ld.shared.u8 %rs20, [%r4]", "ld.shared.u16 %rs20, [%r4]", "ld.shared.u32 %r20, [%r4]", "ld.shared.v2.u32 {%r20, %r21}, [%r4]",
                           "ld.shared.v4.u32 {%r20, %r21, %r22, %r23}, [%r4]"};
    const std::string body = fmt::format(
        "ld.param.u64 %rd1, [in];\nmov.u32 %r1, %tid.x;\nmul.wide.u32 %rd3, %r1, 4;\nadd.s64 %rd4, %rd1, %rd3;\nld.global.u32 %r2, [%rd4];\n"
        "mov.u32 %r3, buffer;\nadd.s32 %r4, %r3, %r2;\n{};\n", loads[std::countr_zero(bytes)]);
    const Launched launched = launch(*sim, kernel_text(body, ".param .u64 in", 90, ".shared .align 16 .b8 buffer[8192];"), {.threads = 32}, {page.address()});
    const Wavefronts expected = naive_wavefronts(offsets, bytes);
    INFO(fmt::format("{} bytes at {}", bytes, fmt::join(offsets, " ")));
    CHECK(launched.report.counters.shared_wavefronts == expected.actual);
    CHECK(launched.report.counters.shared_wavefronts_ideal == expected.ideal);
  }
}

TEST_CASE("without_checks_races_and_missing_values_pass_and_memory_stays_safe") {
  const std::string race = "mov.u32 %r4, buffer;\nst.shared.u32 [%r4], %r1;\n";                           // two warps write one word
  const std::string missing = "mov.u32 %r4, buffer;\nld.shared.u32 %r5, [%r4];\nst.shared.u32 [%r4+4], %r5;\n";
  const std::string outside = "mov.u32 %r4, buffer;\nst.shared.u32 [%r4+8192], %r1;\n";
  for (const bool checks : {true, false}) {
    const auto status = [&](const std::string& body) {
      auto sim = SimDevice::create({.arch = *Arch::parse("sm_90"), .num_threads = 1, .checks = checks});
      return launch(*sim, kernel_text("mov.u32 %r1, %tid.x;\n" + body, "", 90, ".shared .align 16 .b8 buffer[8192];"), {.threads = 64}, {}).status.code();
    };
    CHECK(status(race) == (checks ? ErrorCode::kCheckFailed : ErrorCode::kOk));
    CHECK(status(missing) == (checks ? ErrorCode::kCheckFailed : ErrorCode::kOk));
    CHECK(status(outside) == ErrorCode::kCheckFailed);
  }
}

TEST_CASE("a_report_outlives_its_function_and_device") {
  LaunchReport report;
  {
    const Launched launched = launch_on_page(kDivergent, {.threads = 64});
    report = launched.report;
  }
  CHECK(std::any_of(report.instructions.begin(), report.instructions.end(), [](const InstructionProfile& one) { return one.opcode == "bar.sync"; }));
}

TEST_CASE("opcodes_have_the_class_of_their_work") {
  using Class = InstructionClass;
  struct Row { std::string_view opcode; Class kind; };
  for (const Row& row : {Row{"mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", Class::kTensor},
                         Row{"wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16", Class::kTensor},
                         Row{"wgmma.wait_group.sync.aligned", Class::kSynchronize},
                         Row{"wgmma.fence.sync.aligned", Class::kSynchronize},
                         Row{"ld.global.nc.v4.u32", Class::kGlobal},
                         Row{"ld.u32", Class::kGlobal},
                         Row{"ld.shared::cluster.u32", Class::kShared},
                         Row{"st.local.u64", Class::kLocal},
                         Row{"ld.param.u64", Class::kConstant},
                         Row{"ld.const.u16", Class::kConstant},
                         Row{"atom.shared.add.f32", Class::kShared},
                         Row{"red.global.add.f32", Class::kGlobal},
                         Row{"ldmatrix.sync.aligned.m8n8.x4.shared.b16", Class::kShared},
                         Row{"cp.async.cg.shared.global", Class::kAsyncCopy},
                         Row{"cp.async.wait_group", Class::kSynchronize},
                         Row{"cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes", Class::kAsyncCopy},
                         Row{"cp.async.bulk.wait_group.read", Class::kSynchronize},
                         Row{"cp.async.bulk.commit_group", Class::kSynchronize},
                         Row{"cp.async.mbarrier.arrive.noinc.shared.b64", Class::kSynchronize},
                         Row{"mbarrier.try_wait.parity.acquire.cta.shared::cta.b64", Class::kSynchronize},
                         Row{"bar.red.popc.u32", Class::kSynchronize},
                         Row{"fma.rn.f32", Class::kFloat},
                         Row{"setp.lt.f32", Class::kFloat},
                         Row{"add.f16x2", Class::kFloat},
                         Row{"setp.lt.s32", Class::kInteger},
                         Row{"cvta.to.global.u64", Class::kInteger},
                         Row{"and.pred", Class::kInteger},
                         Row{"cvt.rn.bf16x2.f32", Class::kConvert},
                         Row{"ex2.approx.ftz.f32", Class::kSpecial},
                         Row{"div.approx.f32", Class::kSpecial},
                         Row{"mov.b32", Class::kMove},
                         Row{"shfl.sync.bfly.b32", Class::kWarp},
                         Row{"bra.uni", Class::kControl}}) {
    INFO(row.opcode << " is " << name(instruction_class(row.opcode)));
    CHECK(instruction_class(row.opcode) == row.kind);
  }
}

}  // namespace
}  // namespace bsgen::sim::test
