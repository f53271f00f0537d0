// Instructions in which lanes work together, divergence and reconvergence, barriers, mma.
#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "runtime/sim/exec/tensor_core.h"
#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

constexpr const char* kStart =
    "ld.param.u64 %rd1, [in];\nld.param.u64 %rd2, [out];\nmov.u32 %r1, %tid.x;\nmul.wide.u32 %rd3, %r1, 4;\nadd.s64 %rd4, %rd1, %rd3;\n"
    "add.s64 %rd5, %rd2, %rd3;\nld.global.u32 %r2, [%rd4];\n";
constexpr const char* kEnd = "st.global.u32 [%rd5], %r20;\n";

// Every thread gets in[tid] in %r2 and leaves its result in %r20.
std::vector<std::uint32_t> run(const std::string& body, const std::vector<std::uint32_t>& in, Status* status = nullptr) {
  auto sim = device();
  const auto a = *sim->allocate(in.size() * 4), b = *sim->allocate(in.size() * 4);
  REQUIRE(sim->copy_in(a.address(), std::as_bytes(std::span(in))).ok());
  const Launched launched = launch(*sim, kernel_text(kStart + body + kEnd), {.threads = static_cast<std::uint32_t>(in.size())}, {a.address(), b.address()});
  INFO(launched.status.message());
  if (status != nullptr)
    *status = launched.status;
  else
    REQUIRE(launched.status.ok());
  std::vector<std::uint32_t> out(in.size());
  REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(out)), b.address()).ok());
  return out;
}
std::vector<std::uint32_t> values(std::size_t n = 32) {
  std::vector<std::uint32_t> in(n);
  for (std::size_t i = 0; i < n; ++i) in[i] = static_cast<std::uint32_t>(i * i * 2654435761u);
  return in;
}

TEST_CASE("shuffles_read_the_lane_that_the_isa_names") {
  const auto in = values();
  const auto check = [&](const std::string& instruction, auto from) {
    const auto out = run(instruction, in);
    for (int lane = 0; lane < 32; ++lane) {
      INFO(instruction << " lane " << lane);
      const int source = from(lane);
      CHECK(out[lane] == (source < 0 ? in[lane] ^ 1 : in[source]));
    }
  };
  // Where the source is out of range the predicate is false; the test then flips a bit.
  const std::string mark = "@!%p20 xor.b32 %r20, %r20, 1;\n";
  check("shfl.sync.bfly.b32 %r20|%p20, %r2, 5, 31, -1;\n" + mark, [](int l) { return l ^ 5; });
  check("shfl.sync.idx.b32 %r20|%p20, %r2, 7, 31, -1;\n" + mark, [](int) { return 7; });
  check("shfl.sync.up.b32 %r20|%p20, %r2, 3, 0, -1;\n" + mark, [](int l) { return l >= 3 ? l - 3 : -1; });
  check("shfl.sync.down.b32 %r20|%p20, %r2, 4, 31, -1;\n" + mark, [](int l) { return l + 4 < 32 ? l + 4 : -1; });
  // Segments of 8: the mask in bits 8-12.
  check("shfl.sync.down.b32 %r20|%p20, %r2, 3, 0x181f, -1;\n" + mark, [](int l) { return l % 8 + 3 < 8 ? l + 3 : -1; });
  check("shfl.sync.idx.b32 %r20|%p20, %r2, 2, 0x181f, -1;\n" + mark, [](int l) { return l / 8 * 8 + 2; });
  check("shfl.sync.up.b32 %r20|%p20, %r2, 2, 0x1800, -1;\n" + mark, [](int l) { return l % 8 >= 2 ? l - 2 : -1; });
  // Source and destination in one register.
  check("shfl.sync.bfly.b32 %r2, %r2, 1, 31, -1;\nmov.u32 %r20, %r2;\n", [](int l) { return l ^ 1; });
}

TEST_CASE("votes_matches_reductions_and_elections_see_all_members") {
  const auto in = values();
  std::uint32_t odd = 0, sum = 0, largest = 0;
  for (int lane = 0; lane < 32; ++lane) odd |= (in[lane] & 1) << lane, sum += in[lane], largest = std::max(largest, in[lane]);
  const std::string bit = "and.b32 %r3, %r2, 1;\nsetp.ne.s32 %p1, %r3, 0;\n";
  for (std::uint32_t got : run(bit + "vote.sync.ballot.b32 %r20, %p1, -1;\n", in)) CHECK(got == odd);
  for (std::uint32_t got : run(bit + "vote.sync.ballot.b32 %r20, !%p1, -1;\n", in)) CHECK(got == ~odd);
  for (std::uint32_t got : run(bit + "vote.sync.any.pred %p2, %p1, -1;\nvote.sync.all.pred %p3, %p1, -1;\nselp.u32 %r20, 1, 0, %p2;\n@%p3 add.s32 %r20, %r20, 2;\n", in)) CHECK(got == 1);
  for (std::uint32_t got : run("redux.sync.add.u32 %r20, %r2, -1;\n", in)) CHECK(got == sum);
  for (std::uint32_t got : run("redux.sync.max.u32 %r20, %r2, -1;\n", in)) CHECK(got == largest);
  const auto leader = run("elect.sync _|%p1, -1;\nselp.u32 %r20, 1, 0, %p1;\n", in);
  for (int lane = 0; lane < 32; ++lane) CHECK(leader[lane] == (lane == 0));
  const auto matched = run("and.b32 %r3, %r1, 3;\nmatch.any.sync.b32 %r20, %r3, -1;\n", in);
  for (int lane = 0; lane < 32; ++lane) CHECK(matched[lane] == 0x11111111u << (lane & 3));
}

TEST_CASE("diverged_lanes_meet_again_at_the_join") {
  // Each lane loops lane % 5 times; then all shuffle together, which would be reported if they had not met.
  const auto in = values();
  const auto out = run(
      "rem.u32 %r3, %r1, 5;\nmov.u32 %r4, 0;\nLOOP:\nsetp.ge.u32 %p1, %r4, %r3;\n@%p1 bra JOIN;\nadd.s32 %r4, %r4, 1;\nadd.s32 %r2, %r2, 7;\nbra LOOP;\nJOIN:\n"
      "shfl.sync.bfly.b32 %r20, %r2, 1, 31, -1;\n", in);
  for (std::uint32_t lane = 0; lane < 32; ++lane) CHECK(out[lane] == in[lane ^ 1] + 7 * ((lane ^ 1) % 5));
}

TEST_CASE("branch_tables_send_each_lane_its_way") {
  const auto in = values();
  const auto out = run(
      "and.b32 %r3, %r1, 3;\nT: .branchtargets L0, L1, L2, L1;\nbrx.idx %r3, T;\nL0:\nmov.u32 %r20, 10;\nbra.uni E;\nL1:\nmov.u32 %r20, 11;\nbra.uni E;\nL2:\nmov.u32 %r20, 12;\nE:\n"
      "bar.warp.sync -1;\n", in);
  for (std::uint32_t lane = 0; lane < 32; ++lane) CHECK(out[lane] == (lane % 4 == 0 ? 10 : lane % 4 == 2 ? 12 : 11));
}

TEST_CASE("inner_scopes_may_use_the_names_of_outer_ones_again") {
  const auto in = values();
  const auto out = run(
      "mov.u32 %r20, 5;\n{\n.reg .b32 %r20;\n.reg .pred P;\nmov.u32 %r20, 9;\nsetp.eq.u32 P, %r20, 9;\nW:\n@!P bra W;\n}\n{\n.reg .pred P;\nsetp.ne.u32 P, %r20, 5;\nW:\n@P bra W;\n}\n", in);
  for (std::uint32_t got : out) CHECK(got == 5);
}

TEST_CASE("barriers_order_warps_and_reduce_over_them") {
  const auto in = values(128);
  const auto out = run(
      ".shared .align 4 .b8 buffer[512];\nmov.u32 %r3, buffer;\nmad.lo.s32 %r4, %r1, 4, %r3;\nst.shared.u32 [%r4], %r2;\nbar.sync 0;\nxor.b32 %r5, %r1, 127;\n"
      "mad.lo.s32 %r6, %r5, 4, %r3;\nld.shared.u32 %r20, [%r6];\nsetp.lt.u32 %p1, %r1, 70;\nbar.red.popc.u32 %r7, 0, %p1;\nbar.red.and.pred %p2, 1, %p1;\nbar.red.or.pred %p3, 2, !%p1;\n"
      "add.s32 %r20, %r20, %r7;\n@%p2 add.s32 %r20, %r20, 1000;\n@%p3 add.s32 %r20, %r20, 2000;\nbar.sync 3, 64;\n", in);
  for (std::uint32_t i = 0; i < 128; ++i) CHECK(out[i] == in[127 - i] + 70 + 2000);
}

TEST_CASE("partial_warps_run_with_the_lanes_they_have") {
  const auto in = values(40);
  const auto out = run("bar.sync 0;\nadd.s32 %r20, %r2, 1;\n", in);
  for (std::size_t i = 0; i < 40; ++i) CHECK(out[i] == in[i] + 1);
}

// D[row][col] of m16n8k16, from fragments as the PTX ISA lays them out, in float: exact for small integers.
TEST_CASE("mma_multiplies_the_fragments_of_the_isa") {
  const auto bf16 = [](int x) { return static_cast<std::uint32_t>(std::bit_cast<std::uint32_t>(static_cast<float>(x)) >> 16); };
  const auto a = [](int row, int k) { return (row * 7 + k * 3) % 11 - 5; };
  const auto b = [](int k, int col) { return (k * 5 + col * 2) % 7 - 3; };
  std::vector<std::uint32_t> in(32 * 6);
  for (int lane = 0; lane < 32; ++lane) {
    const int g = lane / 4, t = 2 * (lane % 4);
    const auto pack = [&](int low, int high) { return bf16(low) | bf16(high) << 16; };
    std::uint32_t* regs = &in[static_cast<std::size_t>(lane) * 6];
    for (int i = 0; i < 4; ++i) regs[i] = pack(a(g + 8 * (i & 1), t + 8 * (i >> 1)), a(g + 8 * (i & 1), t + 1 + 8 * (i >> 1)));
    for (int i = 0; i < 2; ++i) regs[4 + i] = pack(b(t + 8 * i, g), b(t + 1 + 8 * i, g));
  }
  auto sim = device("sm_80");
  const auto x = *sim->allocate(in.size() * 4), y = *sim->allocate(32 * 16);
  REQUIRE(sim->copy_in(x.address(), std::as_bytes(std::span(in))).ok());
  const Launched launched = launch(*sim, kernel_text(
      "ld.param.u64 %rd1, [in];\nld.param.u64 %rd2, [out];\nmov.u32 %r1, %tid.x;\nmul.wide.u32 %rd3, %r1, 24;\nadd.s64 %rd4, %rd1, %rd3;\nmul.wide.u32 %rd5, %r1, 16;\nadd.s64 %rd6, %rd2, %rd5;\n"
      "ld.global.v2.u32 {%r10, %r11}, [%rd4];\nld.global.v2.u32 {%r12, %r13}, [%rd4+8];\nld.global.v2.u32 {%r14, %r15}, [%rd4+16];\nmov.f32 %f1, 0f3F800000;\n"
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%f10, %f11, %f12, %f13}, {%r10, %r11, %r12, %r13}, {%r14, %r15}, {%f1, %f1, %f1, %f1};\n"
      "st.global.v4.f32 [%rd6], {%f10, %f11, %f12, %f13};\n", ".param .u64 in, .param .u64 out", 80), {.threads = 32}, {x.address(), y.address()});
  INFO(launched.status.message());
  REQUIRE(launched.status.ok());
  CHECK(launched.report.counters.mma_flops_issued == 2 * 16 * 8 * 16);
  std::vector<float> out(128);
  REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(out)), y.address()).ok());
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < 4; ++i) {
      const int row = lane / 4 + 8 * (i >> 1), col = 2 * (lane % 4) + (i & 1);
      int sum = 1;
      for (int k = 0; k < 16; ++k) sum += a(row, k) * b(k, col);
      CHECK(out[static_cast<std::size_t>(lane) * 4 + i] == static_cast<float>(sum));
    }
}

}  // namespace
}  // namespace bsgen::sim::test
