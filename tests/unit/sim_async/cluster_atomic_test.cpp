// atom and red on the shared memory of another cta, in every operation and type, against the operations done one lane after the other.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <random>

#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

using Value = std::uint64_t;
struct Atomic {
  const char* op;    // "add.noftz.f16"
  const char* reg;   // of the value
  int bytes;
  std::function<Value(Value old, Value given)> combine;
  bool reduces = true;  // red exists
};
Value half_sum(Value a, Value b) {  // small integers only: exact
  const auto number = [](Value bits) { return bits == 0 ? 0 : static_cast<int>(((bits & 0x3ff) | 0x400) << (bits >> 10) >> 25); };
  const int sum = number(a) + number(b);
  const int exponent = 31 - std::countl_zero(static_cast<unsigned>(sum));
  return sum == 0 ? 0 : static_cast<Value>((15 + exponent) << 10 | ((sum << (10 - exponent)) & 0x3ff));
}
Value float_sum(Value a, Value b) { return std::bit_cast<std::uint32_t>(std::bit_cast<float>(static_cast<std::uint32_t>(a)) + std::bit_cast<float>(static_cast<std::uint32_t>(b))); }
Value bfloat_sum(Value a, Value b) { return float_sum(a << 16, b << 16) >> 16; }
template <class T>
Atomic integer(const char* op, const char* reg, std::function<T(T, T)> combine) {
  return {op, reg, sizeof(T), [combine](Value a, Value b) { return static_cast<Value>(static_cast<std::make_unsigned_t<T>>(combine(static_cast<T>(a), static_cast<T>(b)))); }};
}
std::vector<Atomic> atomics() {
  using U = std::uint32_t;
  using S = std::int32_t;
  using UL = std::uint64_t;
  using SL = std::int64_t;
  std::vector<Atomic> all = {
      integer<U>("add.u32", "%r", [](U a, U b) { return a + b; }), integer<S>("add.s32", "%r", [](S a, S b) { return static_cast<S>(static_cast<U>(a) + static_cast<U>(b)); }),
      integer<UL>("add.u64", "%rd", [](UL a, UL b) { return a + b; }), integer<U>("min.u32", "%r", [](U a, U b) { return std::min(a, b); }),
      integer<S>("min.s32", "%r", [](S a, S b) { return std::min(a, b); }), integer<UL>("min.u64", "%rd", [](UL a, UL b) { return std::min(a, b); }),
      integer<SL>("min.s64", "%rd", [](SL a, SL b) { return std::min(a, b); }), integer<U>("max.u32", "%r", [](U a, U b) { return std::max(a, b); }),
      integer<S>("max.s32", "%r", [](S a, S b) { return std::max(a, b); }), integer<UL>("max.u64", "%rd", [](UL a, UL b) { return std::max(a, b); }),
      integer<SL>("max.s64", "%rd", [](SL a, SL b) { return std::max(a, b); }), integer<U>("inc.u32", "%r", [](U a, U b) { return a >= b ? 0 : a + 1; }),
      integer<U>("dec.u32", "%r", [](U a, U b) { return a == 0 || a > b ? b : a - 1; }), integer<U>("and.b32", "%r", [](U a, U b) { return a & b; }),
      integer<U>("or.b32", "%r", [](U a, U b) { return a | b; }), integer<U>("xor.b32", "%r", [](U a, U b) { return a ^ b; }),
      integer<UL>("and.b64", "%rd", [](UL a, UL b) { return a & b; }), integer<UL>("or.b64", "%rd", [](UL a, UL b) { return a | b; }), integer<UL>("xor.b64", "%rd", [](UL a, UL b) { return a ^ b; }),
      integer<U>("exch.b32", "%r", [](U, U b) { return b; }), integer<UL>("exch.b64", "%rd", [](UL, UL b) { return b; })};
  all[all.size() - 2].reduces = all.back().reduces = false;
  all.push_back({"add.f32", "%f", 4, float_sum});
  all.push_back({"add.f64", "%fd", 8, [](Value a, Value b) { return std::bit_cast<Value>(std::bit_cast<double>(a) + std::bit_cast<double>(b)); }});
  all.push_back({"add.noftz.f16", "%rs", 2, half_sum});
  all.push_back({"add.noftz.bf16", "%rs", 2, bfloat_sum});
  all.push_back({"add.noftz.f16x2", "%r", 4, [](Value a, Value b) { return half_sum(a >> 16, b >> 16) << 16 | half_sum(a & 0xffff, b & 0xffff); }});
  all.push_back({"add.noftz.bf16x2", "%r", 4, [](Value a, Value b) { return bfloat_sum(a >> 16, b >> 16) << 16 | bfloat_sum(a & 0xffff, b & 0xffff); }});
  return all;
}

// A value of the type: whole numbers small enough that every sum of 32 of them is exact.
Value value_of(const Atomic& atomic, std::uint64_t random) {
  const std::string op = atomic.op;
  if (op.ends_with("bf16")) return random % 2 ? 0x3f80 : 0;
  if (op.ends_with("bf16x2")) return (random % 2 ? 0x3f80u : 0) | (random >> 8 & 1 ? 0x3f800000u : 0);
  if (op.ends_with("f16")) return random % 2 ? 0x3c00 : 0;
  if (op.ends_with("f16x2")) return (random % 2 ? 0x3c00u : 0) | (random >> 8 & 1 ? 0x3c000000u : 0);
  if (op.ends_with("f32")) return std::bit_cast<std::uint32_t>(static_cast<float>(random % 1000));
  if (op.ends_with("f64")) return std::bit_cast<Value>(static_cast<double>(random % 1000));
  return atomic.bytes == 4 ? static_cast<std::uint32_t>(random) : random;
}

constexpr const char* kStart =
    "ld.param.u64 %rd1, [in];\nld.param.u64 %rd2, [out];\nmov.u32 %r1, %tid.x;\nmov.u32 %r2, cell;\nmov.u32 %r4, %cluster_ctarank;\nxor.b32 %r5, %r4, 1;\n"
    "mad.lo.u32 %r6, %r4, 32, %r1;\nmul.wide.u32 %rd3, %r6, 8;\nadd.s64 %rd4, %rd1, %rd3;\nadd.s64 %rd5, %rd2, %rd3;\n"
    "mapa.shared::cluster.u32 %r7, %r2, %r5;\ncvt.u64.u32 %rd6, %r2;\ncvta.shared.u64 %rd7, %rd6;\nmapa.u64 %rd8, %rd7, %r5;\n";
constexpr const char* kSync = "barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;\n";

// Each of two ctas does the operation 32 times on the other's cell, which held in[64 + rank]; out = what each lane got and, behind, the cells.
void check(const Atomic& atomic, bool returns, bool generic) {
  const std::string reg = atomic.reg, suffix = atomic.bytes == 8 ? "b64" : atomic.bytes == 4 ? "b32" : "b16", load = reg == "%f" ? "f32" : reg == "%fd" ? "f64" : suffix;
  auto sim = device("sm_90", Timing::kEarly, 2);
  std::mt19937_64 random(atomic.op[0] * 7 + atomic.bytes);
  std::vector<Value> in(66), out(66, 0);
  for (Value& value : in) value = value_of(atomic, random());
  const auto a = *sim->allocate(in.size() * 8), b = *sim->allocate(out.size() * 8);
  REQUIRE(sim->copy_in(a.address(), std::as_bytes(std::span(in))).ok());
  REQUIRE(sim->copy_in(b.address(), std::as_bytes(std::span(out))).ok());
  const std::string name = fmt::format("{}{}.{}", returns ? "atom" : "red", generic ? "" : ".shared::cluster", atomic.op), address = generic ? "%rd8" : "%r7";
  std::string body = kStart;
  body += fmt::format("setp.ne.u32 %p1, %r1, 0;\nmul.wide.u32 %rd9, %r4, 8;\nadd.s64 %rd10, %rd1, %rd9;\nadd.s64 %rd11, %rd2, %rd9;\n@!%p1 ld.global.{0} {1}20, [%rd10+512];\n@!%p1 st.shared.{0} [%r2], {1}20;\n", load, reg);
  body += kSync + fmt::format("ld.global.{} {}21, [%rd4];\n", load, reg);
  body += returns ? fmt::format("{} {}22, [{}], {}21;\nst.global.{} [%rd5], {}22;\n", name, reg, address, reg, load, reg) : fmt::format("{} [{}], {}21;\n", name, address, reg);
  body += kSync + fmt::format("@!%p1 ld.shared.{0} {1}23, [%r2];\n@!%p1 st.global.{0} [%rd11+512], {1}23;\n", load, reg);
  const Launched launched = launch(*sim, kernel_text(body, ".param .u64 in, .param .u64 out", 90, ".shared .align 16 .b8 cell[16];"), {.grid_x = 2, .threads = 32, .cluster_x = 2}, {a.address(), b.address()});
  INFO(name << ": " << launched.status.message());
  REQUIRE(launched.status.ok());
  CHECK(launched.report.diagnostics.empty());
  REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(out)), b.address()).ok());
  for (std::size_t rank = 0; rank < 2; ++rank) {
    Value cell = in[64 + (rank ^ 1)];
    for (std::size_t lane = 0; lane < 32; ++lane) {
      if (returns) CHECK(out[rank * 32 + lane] == cell);
      cell = atomic.combine(cell, in[rank * 32 + lane]);
    }
    CHECK(out[64 + (rank ^ 1)] == cell);
  }
}

TEST_CASE("atomics_on_another_ctas_shared_memory_do_every_operation_in_every_type") {
  for (const Atomic& atomic : atomics())
    for (const bool generic : {false, true}) {
      check(atomic, true, generic);
      if (atomic.reduces) check(atomic, false, generic);
    }
}

TEST_CASE("compare_and_swap_on_another_ctas_shared_memory_swaps_where_it_is_equal") {
  for (const auto& [type, reg, load] : {std::tuple("b16", "%rs", "b16"), std::tuple("b32", "%r", "b32"), std::tuple("b64", "%rd", "b64")}) {
    auto sim = device();
    std::vector<Value> out(64, 0);
    const auto b = *sim->allocate(512);
    REQUIRE(sim->copy_in(b.address(), std::as_bytes(std::span(out))).ok());
    // Lane i swaps i for i + 1: each finds what the one before left.
    const std::string body = kStart + fmt::format("cvt.u64.u32 %rd20, %r1;\ncvt.u16.u32 %rs20, %r1;\nmov.u32 %r20, %r1;\nadd.u64 %rd21, %rd20, 1;\nadd.u16 %rs21, %rs20, 1;\nadd.u32 %r21, %r20, 1;\n"
                                                  "setp.ne.u32 %p1, %r1, 0;\n@!%p1 st.shared.{2} [%r2], {1}20;\n", type, reg, load) + kSync +
                             fmt::format("atom.acq_rel.cluster.shared::cluster.cas.{0} {1}22, [%r7], {1}20, {1}21;\nst.global.{2} [%rd5], {1}22;\n", type, reg, load) + kSync;
    const Launched launched = launch(*sim, kernel_text(body, ".param .u64 in, .param .u64 out", 90, ".shared .align 16 .b8 cell[16];"), {.grid_x = 2, .threads = 32, .cluster_x = 2}, {b.address(), b.address()});
    INFO(launched.status.message());
    REQUIRE(launched.status.ok());
    REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(out)), b.address()).ok());
    for (std::size_t i = 0; i < 64; ++i) CHECK(out[i] == i % 32);
  }
}

TEST_CASE("atomics_on_another_ctas_shared_memory_stay_inside_it_and_find_a_value_there") {
  const auto message = [](const std::string& access, const char* kind) {
    auto sim = device();
    const auto b = *sim->allocate(512);
    const Launched launched = launch(*sim, kernel_text(std::string(kStart) + "setp.ne.u32 %p1, %r6, 0;\n" + kSync + "@!%p1 " + access + "\n" + kSync, ".param .u64 in, .param .u64 out", 90,
                                                       ".shared .align 16 .b8 cell[16];"), {.grid_x = 2, .threads = 32, .cluster_x = 2}, {b.address(), b.address()});
    CHECK(launched.status.code() == ErrorCode::kCheckFailed);
    REQUIRE(launched.find(kind) != nullptr);
    return launched.find(kind)->message;
  };
  CHECK(message("red.shared::cluster.add.u32 [%r7+16], %r1;", "out_of_bounds") == "sim: cta (0, 0) thread 0 writes 4 bytes at shared offset 16, the allocation ends at 16 (ptx line 31, kernel k)");
  CHECK(message("red.shared::cluster.add.u32 [%r7+2], %r1;", "misaligned") == "sim: cta (0, 0) thread 0 writes 4 bytes at shared offset 2 (cell+2), not a multiple of 4 (ptx line 31, kernel k)");
  CHECK(message("red.shared::cluster.add.u32 [%r7+8], %r1;", "uninitialized") == "sim: cta (0, 0) thread 0 reads 4 bytes at shared offset 8 (cell+8) of cta rank 1, which were never written (ptx line 31, kernel k)");
}

}  // namespace
}  // namespace bsgen::sim::test
