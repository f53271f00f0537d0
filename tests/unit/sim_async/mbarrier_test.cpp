// mbarrier against a model of a few lines: every sequence of operations on one barrier, and pipelines under many schedules.
#include <fmt/format.h>

#include <vector>

#include "tests/support/catch.h"
#include "tests/unit/sim_async/async_kernels.h"

namespace bsgen::sim::test {
namespace {

// --- one barrier, one thread, all sequences --------------------------------------------------------------

// What the PTX ISA says an mbarrier is.
struct Model {
  int expected = 2, pending = 2, transactions = 0;
  unsigned phase = 0;
  bool legal = true;

  void arrive(int count) {
    legal &= count <= pending;
    pending -= count;
    settle();
  }
  void settle() {
    if (pending == 0 && transactions == 0) {
      ++phase;
      pending = expected;
    }
    legal &= pending > 0 || transactions > 0;  // nothing could ever complete it
  }
};

enum Step { kArrive, kArriveTwo, kArriveExpect, kExpect, kComplete, kDrop, kNumSteps };

TEST_CASE("every_sequence_of_six_operations_leaves_an_mbarrier_as_the_model_says") {
  constexpr int kLength = 6;
  std::vector<std::uint32_t> codes, want;
  int total = 1;
  for (int i = 0; i < kLength; ++i) total *= kNumSteps;
  for (int code = 0; code < total; ++code) {
    Model m;
    std::vector<std::uint32_t> seen;
    for (int i = 0, rest = code; i < kLength; ++i, rest /= kNumSteps) {
      switch (rest % kNumSteps) {
        case kArrive: m.arrive(1); break;
        case kArriveTwo: m.arrive(2); break;
        case kArriveExpect: m.transactions += 16; m.arrive(1); break;
        case kExpect: m.transactions += 16; m.settle(); break;
        case kComplete: m.transactions -= 16; m.settle(); break;
        default:
          m.legal &= m.expected > 1;
          --m.expected;
          m.arrive(1);
      }
      seen.push_back((m.phase & 1) == 1);       // has the phase of parity 0 completed?
      seen.push_back((m.phase & 1) == 0);
    }
    m.legal &= m.transactions == 0;             // the kernel must not leave bytes open
    if (!m.legal) continue;
    codes.push_back(static_cast<std::uint32_t>(code));
    want.insert(want.end(), seen.begin(), seen.end());
    want.push_back(static_cast<std::uint32_t>(m.pending));
  }
  REQUIRE(codes.size() > 500);
  auto sim = device("sm_90", Timing::kEarly, 2);
  const auto in = *sim->allocate(codes.size() * 4), out = *sim->allocate(want.size() * 4);
  REQUIRE(sim->copy_in(in.address(), std::as_bytes(std::span(codes))).ok());
  std::string body = kPipelineStart;
  body += "mov.u32 %r2, %ctaid.x;\nmul.wide.u32 %rd3, %r2, 4;\nadd.s64 %rd1, %rd1, %rd3;\nld.global.u32 %r3, [%rd1];\nmul.wide.u32 %rd4, %r2, 52;\nadd.s64 %rd2, %rd2, %rd4;\n"
          "mov.u32 %r4, bar;\nmbarrier.init.shared::cta.b64 [%r4], 2;\nmov.u32 %r5, 0;\nL:\nrem.u32 %r6, %r3, 6;\ndiv.u32 %r3, %r3, 6;\n"
          "T: .branchtargets A, B, C, D, E, G;\nbrx.idx %r6, T;\n"
          "A:\nmbarrier.arrive.shared::cta.b64 %rd10, [%r4];\nbra N;\n"
          "B:\nmbarrier.arrive.release.cta.shared::cta.b64 %rd10, [%r4], 2;\nbra N;\n"
          "C:\nmbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%r4], 16;\nbra N;\n"
          "D:\nmbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%r4], 16;\nbra N;\n"
          "E:\nmbarrier.complete_tx.relaxed.cta.shared::cta.b64 [%r4], 16;\nbra N;\n"
          "G:\nmbarrier.arrive_drop.shared::cta.b64 _, [%r4];\n"
          "N:\nmbarrier.test_wait.parity.shared::cta.b64 %p1, [%r4], 0;\nselp.u32 %r10, 1, 0, %p1;\nst.global.u32 [%rd2], %r10;\n"
          "mbarrier.test_wait.parity.shared::cta.b64 %p1, [%r4], 1;\nselp.u32 %r10, 1, 0, %p1;\nst.global.u32 [%rd2+4], %r10;\nadd.s64 %rd2, %rd2, 8;\n"
          "add.u32 %r5, %r5, 1;\nsetp.lt.u32 %p2, %r5, 6;\n@%p2 bra L;\n"
          "mbarrier.arrive.noComplete.release.cta.shared::cta.b64 %rd11, [%r4], 0;\n";
  // The pending count is that of a state; an arrival gives one, and the sequence ends with it.
  const std::size_t tail = body.rfind("mbarrier.arrive.noComplete");
  body = body.substr(0, tail) + "mbarrier.arrive.shared::cta.b64 %rd11, [%r4];\nmbarrier.pending_count.b64 %r12, %rd11;\nst.global.u32 [%rd2], %r12;\n";
  const Launched launched = launch(*sim, kernel_text(body, ".param .u64 in, .param .u64 out", 90, ".shared .align 8 .b8 bar[8];"),
                                   {.grid_x = static_cast<std::uint32_t>(codes.size()), .threads = 1}, {in.address(), out.address()});
  INFO(launched.status.message());
  REQUIRE(launched.status.ok());
  std::vector<std::uint32_t> got(want.size());
  REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(got)), out.address()).ok());
  for (std::size_t i = 0; i < codes.size(); ++i)
    for (std::size_t j = 0; j < 13; ++j) {
      INFO("sequence " << codes[i] << " value " << j);
      REQUIRE(got[i * 13 + j] == want[i * 13 + j]);
    }
}

// --- pipelines -------------------------------------------------------------------------------------------

struct Result {
  Launched launched;
  std::vector<std::uint32_t> out;
};
Result run_pipeline(const std::string& body, const Schedule& schedule) {
  auto sim = device("sm_90", Timing::kEarly, 1);
  sim->set_schedule(schedule);
  const auto out = *sim->allocate(512);
  Result made;
  made.launched = launch(*sim, kernel_text(body, ".param .u64 in, .param .u64 out", 90, kPipelineShared), {.threads = 128}, {0, out.address()});
  made.out.resize(128);
  REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(made.out)), out.address()).ok());
  return made;
}

TEST_CASE("a_pipeline_of_two_producers_and_two_consumers_is_right_and_silent_under_every_schedule") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Schedule schedule = seed == 0 ? Schedule{Timing::kEarly, 0} : seed == 1 ? Schedule{Timing::kLate, 0} : Schedule{Timing::kMixed, seed};
    const Result r = run_pipeline(pipeline(), schedule);
    INFO(schedule.text() << ": " << r.launched.status.message());
    REQUIRE(r.launched.status.ok());
    REQUIRE(r.launched.report.diagnostics.empty());
    for (std::uint32_t t = 64; t < 128; ++t) REQUIRE(r.out[t] == 66 * 64 + 12 * ((t & 63) ^ 63));
  }
}

TEST_CASE("a_pipeline_that_does_not_wait_for_free_stages_is_a_race_whatever_its_result") {
  const Result r = run_pipeline(pipeline("mbarrier.arrive.release.cta.shared::cta.b64 _, [%r9];\n", "\n"), {Timing::kEarly, 0});
  CHECK((r.launched.find("shared_race") != nullptr || r.launched.find("mbarrier") != nullptr));
}

TEST_CASE("a_relaxed_arrival_orders_no_memory") {
  const Result r = run_pipeline(pipeline("mbarrier.arrive.relaxed.cta.shared::cta.b64 _, [%r9];\n"), {Timing::kEarly, 0});
  REQUIRE(r.launched.find("shared_race") != nullptr);
  const Result fenced = run_pipeline(pipeline("fence.acq_rel.cta;\nmbarrier.arrive.relaxed.cta.shared::cta.b64 _, [%r9];\n"), {Timing::kEarly, 0});
  INFO(fenced.launched.status.message());
  CHECK(fenced.launched.status.ok());
}

TEST_CASE("flags_between_warps_order_what_was_written_before_them") {
  // Warp 0 writes and raises a flag; warp 1 waits for the flag and reads. The mbarrier only makes this a kernel of the kind.
  const auto flags = [](const std::string& raise, const std::string& look) {
    return std::string(kPipelineStart) + "mov.u32 %r3, bars;\nmov.u32 %r4, stages;\nsetp.ne.u32 %p1, %r1, 0;\n@%p1 bra I;\nmbarrier.init.shared::cta.b64 [%r3], 1;\nst.shared.u32 [%r3+16], 0;\nI:\nbar.sync 0;\nsetp.ge.u32 %p4, %r1, 64;\n@%p4 bra E;\n"
           "setp.ge.u32 %p2, %r1, 32;\n@%p2 bra C;\nmad.lo.u32 %r5, %r1, 4, %r4;\nst.shared.u32 [%r5], %r1;\nbar.warp.sync 0xffffffff;\n@%p1 bra E;\n" + raise + "bra E;\n"
           "C:\n" + look + "setp.eq.u32 %p3, %r6, 0;\n@%p3 bra C;\nsub.u32 %r7, %r1, 32;\nmad.lo.u32 %r5, %r7, 4, %r4;\nld.shared.u32 %r8, [%r5];\nE:\n";
  };
  CHECK(run_pipeline(flags("st.release.cta.shared.u32 [%r3+16], 1;\n", "ld.acquire.cta.shared.u32 %r6, [%r3+16];\n"), {}).launched.report.diagnostics.empty());
  CHECK(run_pipeline(flags("fence.acq_rel.cta;\nst.relaxed.cta.shared.u32 [%r3+16], 1;\n", "ld.relaxed.cta.shared.u32 %r6, [%r3+16];\nfence.acq_rel.cta;\n"), {}).launched.report.diagnostics.empty());
  CHECK(run_pipeline(flags("atom.release.cta.shared.exch.b32 %r9, [%r3+16], 1;\n", "atom.acquire.cta.shared.or.b32 %r6, [%r3+16], 0;\n"), {}).launched.report.diagnostics.empty());
  CHECK(run_pipeline(flags("st.relaxed.cta.shared.u32 [%r3+16], 1;\n", "ld.acquire.cta.shared.u32 %r6, [%r3+16];\n"), {}).launched.find("shared_race") != nullptr);
  CHECK(run_pipeline(flags("st.release.cta.shared.u32 [%r3+16], 1;\n", "ld.volatile.shared.u32 %r6, [%r3+16];\n"), {}).launched.find("shared_race") != nullptr);
}

TEST_CASE("cp_async_arrives_at_an_mbarrier_when_its_data_is_there") {
  for (const Timing timing : {Timing::kEarly, Timing::kLate})
    for (const char* form : {".noinc", ""}) {
      auto sim = device("sm_90", timing, 1);
      std::vector<std::uint32_t> in(64), got(64);
      for (std::uint32_t i = 0; i < 64; ++i) in[i] = i * 77;
      const auto a = *sim->allocate(256), b = *sim->allocate(256);
      REQUIRE(sim->copy_in(a.address(), std::as_bytes(std::span(in))).ok());
      const Launched launched = launch(*sim, kernel_text(copy_arrive(form), ".param .u64 in, .param .u64 out", 90, kPipelineShared), {.threads = 64}, {a.address(), b.address()});
      INFO(form << " " << launched.status.message());
      REQUIRE(launched.status.ok());
      CHECK(launched.report.diagnostics.empty());
      REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(got)), b.address()).ok());
      CHECK(got == in);
    }
}

}  // namespace
}  // namespace bsgen::sim::test
