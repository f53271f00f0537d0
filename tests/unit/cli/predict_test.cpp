// Predictions from counters worked out by hand.
#include "tools/bsgen/predict.h"

#include <climits>

#include "tests/support/catch.h"

namespace bsgen::cli {
namespace {

// 10 SMs at 1 GHz, round rates: 1 us is 1,000 clocks.
constexpr plan::Machine kRound{"round", 80, 10, 1.0, 500, 1000, 64, 128, 50, 1000, 2048, 32, plan::kL2Rate};

Work even_work() {
  Work work;
  work.ctas = 20;
  work.counters.mma_flops_issued = 2 * 500 * 10 * 4000;  // 4 us of tensor core
  work.counters.global_read_bytes = 50 * 10 * 5000;      // 5 us of L2, with the writes 6
  work.counters.global_write_bytes = 50 * 10 * 1000;
  work.counters.shared_wavefronts = 10 * 3000;  // 3 us
  work.issued = 4 * 10 * 2000;                  // 2 us
  work.floor_bytes = 1'000'000;                 // 1 us at 1,000 GB/s
  work.useful_flops = 2 * 1000 * 10 * 1500;     // 1.5 us at the peak
  return work;
}

double us_of(const Prediction& prediction, const std::string& name) {
  for (const Prediction::Resource& each : prediction.resources)
    if (each.name == name) return each.us;
  return -1;
}

TEST_CASE("each_resource_takes_its_amount_over_its_rate_and_the_slowest_is_the_bound") {
  const Prediction p = predict(even_work(), kRound);
  CHECK(us_of(p, "tensor core") == Approx(4));
  CHECK(us_of(p, "L2") == Approx(6));
  CHECK(us_of(p, "memory") == Approx(1));
  CHECK(us_of(p, "shared memory") == Approx(3));
  CHECK(us_of(p, "issue") == Approx(2));
  CHECK(p.bound == "L2");
  CHECK(p.us == Approx(6));
  CHECK(p.stretch == Approx(1));
  CHECK(p.roofline_us == Approx(1.5));
  CHECK(p.fraction == Approx(0.25));
}

TEST_CASE("ctas_that_do_not_divide_evenly_stretch_what_belongs_to_an_sm_and_not_the_memory") {
  Work work = even_work();
  work.ctas = 21;  // the busiest SM has 3, an even share would be 2.1
  const Prediction p = predict(work, kRound);
  CHECK(p.stretch == Approx(3 / 2.1));
  CHECK(us_of(p, "L2") == Approx(6 * 3 / 2.1));
  CHECK(us_of(p, "memory") == Approx(1));
  work.ctas = 1;  // nine SMs stand idle
  CHECK(predict(work, kRound).stretch == Approx(10));
}

TEST_CASE("tf32_runs_at_half_the_rate_and_warpgroups_at_the_peak") {
  Work work = even_work();
  work.dtype = DType::kTf32;
  CHECK(us_of(predict(work, kRound), "tensor core") == Approx(8));
  work.dtype = DType::kBf16;
  work.warpgroup = true;
  CHECK(us_of(predict(work, kRound), "tensor core") == Approx(2));
}

TEST_CASE("what_a_launch_does_not_use_is_not_listed_and_an_empty_one_has_no_bound") {
  Work work;
  CHECK(predict(work, kRound).bound.empty());
  CHECK(prediction_text(predict(work, kRound)) == "predicted on round: nothing to do");
  work.ctas = 10;
  work.issued = 40;
  const Prediction p = predict(work, kRound);
  REQUIRE(p.resources.size() == 1);
  CHECK(p.bound == "issue");
}

TEST_CASE("moves_between_registers_are_not_issued_and_floats_use_their_units") {
  sim::LaunchReport report;
  report.instructions.resize(3);
  report.instructions[0].kind = sim::InstructionClass::kMove;
  report.instructions[0].executions = 100;
  report.instructions[1].kind = sim::InstructionClass::kInteger;
  report.instructions[1].executions = 7;
  report.instructions[2].kind = sim::InstructionClass::kFloat;
  report.instructions[2].executions = 40;
  report.ctas = 10;
  const Work work = work_of(report, 0, 0, DType::kFp32, "wgmma.mma_async");
  CHECK(work.issued == 47);
  CHECK(work.floats == 40);
  CHECK(work.warpgroup);
  CHECK(us_of(predict(work, kRound), "fp32 units") == Approx(40 * 32 / 64.0 / 10 / 1000));  // 64 lanes a clock on each of 10 SMs
}

TEST_CASE("a_prediction_always_calls_itself_one_and_names_unconfirmed_rates") {
  const Prediction p = predict(even_work(), kRound);
  CHECK(prediction_text(p) == "predicted, not measured: at least 6.00 us on round, bound by L2, 25.0% of the roofline");
  CHECK(prediction_parts(p) == "tensor core 4.00 us, L2 6.00 us (rate unconfirmed), memory 1.00 us, shared memory 3.00 us, issue 2.00 us");
  CHECK(prediction_json(p)["kind"] == "predicted, not measured");
  CHECK(prediction_json(p)["sources"].get<std::string>().find("data sheets") != std::string::npos);
  CHECK(prediction_json(p)["clock_confirmed"] == true);
  // A clock that nobody confirmed leaves nothing of an SM confirmed; the memory has its own.
  plan::Machine vague = kRound;
  vague.unconfirmed = plan::kClockRate;
  const Prediction q = predict(even_work(), vague);
  CHECK(prediction_parts(q) == "tensor core 4.00 us (rate unconfirmed), L2 6.00 us (rate unconfirmed), memory 1.00 us, shared memory 3.00 us (rate unconfirmed), issue 2.00 us (rate unconfirmed)");
  CHECK(prediction_json(q)["clock_confirmed"] == false);
}

// Against the CUDA occupancy calculator's own figures.
TEST_CASE("occupancy_is_that_of_the_occupancy_calculator") {
  const plan::Machine& a100 = *plan::find_machine("A100");
  const Arch sm80{80};
  // 128 threads x 64 registers: 2048 registers per warp, 32 warps, 8 ctas; threads allow 16.
  Occupancy o = occupancy(sm80, a100, 64, 16 * 1024, 128);
  CHECK(o.by_registers == 8);
  CHECK(o.by_shared == 9);  // 167936 / (16384 + 1024)
  CHECK(o.by_threads == 16);
  CHECK(o.by_ctas == 32);
  CHECK(o.ctas == 8);
  CHECK(o.limit == "registers");
  CHECK(o.warps == 32);
  CHECK(o.max_warps == 64);
  // 168 registers, 384 threads: 5376 per warp, 12 warps (a multiple of 4), one cta.
  CHECK(occupancy(sm80, a100, 168, 0, 384).by_registers == 1);
  // Registers are given in units of 256: 65 per thread cost as much as 72.
  CHECK(occupancy(sm80, a100, 65, 0, 128).by_registers == occupancy(sm80, a100, 72, 0, 128).by_registers);
  o = occupancy(sm80, a100, 32, 100 * 1024, 128);
  CHECK(o.ctas == 1);
  CHECK(o.limit == "shared memory");
  o = occupancy(sm80, a100, 0, 0, 32);
  CHECK(o.by_registers == INT_MAX);
  CHECK(o.limit == "ctas");
  CHECK(occupancy(sm80, a100, 64, 0, 0).by_registers == 8);  // no launch: as if of one warp, given four
  CHECK(occupancy_json(o)["by_registers"].is_null());
  CHECK(occupancy(Arch{75}, *plan::find_machine("T4"), 32, 32 * 1024, 128).by_shared == 2);  // no kilobyte for the system there
}

TEST_CASE("every_architecture_has_a_machine_of_its_own_and_names_are_found_in_any_spelling") {
  for (const int number : {75, 80, 86, 87, 89, 90, 100, 110, 120}) {
    INFO(number);
    CHECK(plan::machine(Arch{number}).arch == number);
  }
  CHECK(plan::machine(Arch{90, 'a'}).name == "H200");
  CHECK(plan::machine(Arch{103}).name == "B200");
  CHECK(plan::machine(Arch{121}).name == "RTX PRO 6000");
  CHECK(plan::find_machine("rtxa6000") == plan::find_machine("RTX A6000"));
  CHECK(plan::find_machine("h100")->memory_gbs == 3350);
  CHECK(plan::find_machine("H300") == nullptr);
  CHECK(plan::find_machine("") == nullptr);
}

}  // namespace
}  // namespace bsgen::cli
