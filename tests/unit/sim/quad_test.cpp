// Registers of 128 bits: loads, stores, moves and atomics, against values that plain C++ keeps.
#include <fmt/format.h>

#include <array>

#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"
#include "tests/unit/sim/nvrtc.h"

namespace bsgen::sim::test {
namespace {

using Quad = std::array<std::uint64_t, 2>;
using Quads = std::vector<Quad>;

Quads numbered(std::size_t count, std::uint64_t from) {
  Quads made;
  for (std::size_t i = 0; i < count; ++i) made.push_back({from + i, (from + i) * 0x1'0000'0001u + 7});
  return made;
}

struct Ran {
  Launched launched;
  Quads memory;
};
// Each of 32 threads has %rd3 = its own 16 bytes of `memory`; %rd1 is where it begins, %q<8> are .b128.
Ran run_quads(const std::string& body, Quads memory, int target = 90, const std::string& module_text = "") {
  const auto sim = device(fmt::format("sm_{}", target));
  const auto data = *sim->allocate(memory.size() * 16);
  REQUIRE(sim->copy_in(data.address(), std::as_bytes(std::span(memory))).ok());
  const std::string start = ".reg .b128 %q<8>; ld.param.u64 %rd1, [data]; mov.u32 %r1, %tid.x; mul.wide.u32 %rd2, %r1, 16; add.s64 %rd3, %rd1, %rd2;\n";
  Ran ran{launch(*sim, kernel_text(start + body, ".param .u64 data", target, module_text), {.threads = 32}, {data.address()}), std::move(memory)};
  if (ran.launched.status.ok()) REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(ran.memory)), data.address()).ok());
  return ran;
}

TEST_CASE("quads_travel_whole_through_registers_and_every_space") {
  const Quads in = numbered(32, 0xabcdef0123456789);
  const char* const ways[] = {
      "st.global.b128 [%rd3+512], %q1;\n",
      "st.relaxed.gpu.global.b128 [%rd3+512], %q1;\n",
      "mov.b128 %q2, %q1; st.b128 [%rd3+512], %q2;\n",
      "mov.b128 {%rd5, %rd6}, %q1; st.global.v2.u64 [%rd3+512], {%rd5, %rd6};\n",
      "mov.b128 {%rd5, %rd6}, %q1; mov.b128 %q1, {%rd5, %rd6}; st.release.gpu.b128 [%rd3+512], %q1;\n",
      "mov.b128 {%r5, %r6, %r7, %r8}, %q1; st.global.v4.u32 [%rd3+512], {%r5, %r6, %r7, %r8};\n",
      "mov.b128 {%r5, %r6, %r7, %r8}, %q1; mov.b128 %q2, {%r5, %r6, %r7, %r8}; st.global.b128 [%rd3+512], %q2;\n",
      "mov.b128 {%rd5, _}, %q1; mov.b128 {_, %rd6}, %q1; mov.b128 %q2, {%rd5, %rd6}; st.global.b128 [%rd3+512], %q2;\n",
      "cvt.u32.u64 %r2, %rd2; mov.u32 %r3, buffer; add.u32 %r2, %r2, %r3; st.shared.b128 [%r2], %q1; ld.shared.b128 %q3, [%r2]; st.global.b128 [%rd3+512], %q3;\n",
      ".local .align 16 .b8 mine[32]; st.local.b128 [mine+16], %q1; ld.local.b128 %q3, [mine+16]; st.global.b128 [%rd3+512], %q3;\n",
  };
  for (const char* const way : ways) {
    for (const char* const load : {"ld.global.b128 %q1, [%rd3];\n", "ld.relaxed.gpu.b128 %q1, [%rd3];\n", "ld.global.nc.b128 %q1, [%rd3];\n"}) {
      INFO(load << way);
      Quads memory = in;
      memory.resize(64, Quad{});
      const Ran ran = run_quads(std::string(load) + way, memory, 90, ".shared .align 16 .b8 buffer[512];");
      CHECK(ran.launched.status.message() == "");
      CHECK(std::equal(in.begin(), in.end(), ran.memory.begin() + 32));
    }
  }
}

TEST_CASE("halves_change_places_in_the_lanes_that_execute_only") {
  const Quads in = numbered(32, 50);
  const Ran ran = run_quads(
      "ld.global.b128 %q1, [%rd3]; and.b32 %r2, %r1, 1; setp.eq.u32 %p1, %r2, 1;\n"
      "mov.b128 {%rd5, %rd6}, %q1; @%p1 mov.b128 {%rd6, %rd5}, %q1; @%p1 mov.b128 %q2, {%rd5, %rd6}; @!%p1 mov.b128 %q2, %q1; st.global.b128 [%rd3], %q2;\n", in);
  CHECK(ran.launched.status.message() == "");
  for (std::size_t t = 0; t < 32; ++t) {
    INFO("thread " << t);
    CHECK(ran.memory[t] == (t % 2 == 1 ? Quad{in[t][1], in[t][0]} : in[t]));
  }
}

TEST_CASE("exchanges_of_quads_hand_each_lane_what_the_one_before_left") {
  // Word 32 is where they meet, at 64 stands what each lane got.
  const char* const places[] = {"atom.exch.relaxed.gpu.global.b128 %q2, [%rd1+512], %q1;", "atom.exch.b128 %q2, [%rd1+512], %q1;", "atom.global.exch.acq_rel.sys.b128 %q2, [%rd1+512], %q1;",
                                ("ld.global.b128 %q4, [%rd1+512]; setp.eq.u32 %p1, %r1, 0; @%p1 st.shared.b128 [buffer], %q4; bar.warp.sync -1; atom.exch.relaxed.cta.shared.b128 %q2, [buffer], %q1; "
                                 "bar.warp.sync -1; ld.shared.b128 %q4, [buffer]; @%p1 st.global.b128 [%rd1+512], %q4;")};
  for (const char* const place : places) {
    INFO(place);
    Quads memory = numbered(32, 1000);
    memory.resize(96, Quad{5, 6});
    const Ran ran = run_quads("ld.global.b128 %q1, [%rd3];\n" + std::string(place) + "\nst.global.b128 [%rd3+1024], %q2;\n", memory, 90, ".shared .align 16 .b8 buffer[16];");
    CHECK(ran.launched.status.message() == "");
    CHECK(ran.memory[32] == memory[31]);
    for (std::size_t t = 0; t < 32; ++t) CHECK(ran.memory[64 + t] == (t == 0 ? Quad{5, 6} : memory[t - 1]));
  }
}

TEST_CASE("a_quad_is_swapped_where_both_halves_compare_equal") {
  struct Case { Quad there, compared; };
  for (const Case& each : {Case{{1, 2}, {1, 2}}, Case{{1, 2}, {1, 3}}, Case{{1, 2}, {3, 2}}, Case{{1, 2}, {2, 1}}}) {
    Quads memory = {each.there, each.compared, {77, 88}};
    const Ran ran = run_quads("setp.ne.u32 %p1, %r1, 0; @%p1 exit;\nld.global.b128 %q1, [%rd1+16]; ld.global.b128 %q2, [%rd1+32]; atom.cas.acquire.sys.b128 %q3, [%rd1], %q1, %q2; st.global.b128 [%rd1+32], %q3;\n", memory);
    CHECK(ran.launched.status.message() == "");
    CHECK(ran.memory[0] == (each.there == each.compared ? Quad{77, 88} : each.there));
    CHECK(ran.memory[2] == each.there);
  }
}

TEST_CASE("faults_of_quads_are_found_like_others") {
  const auto message = [](const std::string& body, int target = 90) { return run_quads(body, numbered(32, 1), target, ".shared .align 16 .b8 buffer[512];").launched.status.message(); };
  CHECK(message("ld.global.b128 %q1, [%rd3]; red.exch.b128 [%rd3], %q1;\n") == "sim: ptx line 15: red.exch.b128: this combination of types does not exist");
  CHECK(message("mov.b128 {%rd5, %rd6}, %q1;\n") == "sim: register %q1 is read and nothing wrote it (ptx line 15, kernel k)");
  CHECK(message("ld.global.b128 %q1, [%rd3+8];\n") == "sim: cta (0, 0) thread 0 reads 16 bytes at byte 8 of an allocation, not a multiple of 16 (ptx line 15, kernel k)");
  CHECK(message("ld.global.b128 %q1, [%rd3+16];\n") == "sim: cta (0, 0) thread 31 reads 16 bytes at byte 512 of an allocation, which ends at 512 (ptx line 15, kernel k)");
  CHECK(message("ld.shared.b128 %q1, [buffer];\n") == "sim: cta (0, 0) thread 0 reads 16 bytes at shared offset 0 (buffer); byte 0 was never written (ptx line 15, kernel k)");
  CHECK(message("ld.global.b128 %q1, [%rd3]; atom.cas.b128 %q2, [%rd1+512], %q1, %q1;\n") == "sim: cta (0, 0) thread 0 writes 16 bytes at byte 512 of an allocation, which ends at 512 (ptx line 15, kernel k)");
  CHECK(message("ld.global.b128 %q1, [%rd3];\natom.shared.exch.b128 _, [buffer], %q1;\nbar.warp.sync -1; setp.eq.u32 %p1, %r1, 3;\n@%p1 ld.shared.u32 %r3, [buffer+12];\n") == "");
  CHECK(message("ld.global.b128 %q1, [%rd3]; atom.exch.b128 %q2, [%rd3], %q1;\n", 80).find("sm_90") != std::string::npos);
  for (const char* const form : {"atom.add.b128 %q2, [%rd3], %q1;", "red.exch.b128 [%rd3], %q1;", "ld.global.v2.b128 {%q1, %q2}, [%rd3];", "mov.b128 %q1, %rd1;", "mov.b128 {%rd1, %rd2}, {%rd3, %rd4};",
                                 "add.u64 %rd1, %q1, %rd2;", "ld.global.b128 %rd1, [%rd3];", "mov.b128 %q1, {%r1, %r2, %r3};"}) {
    INFO(form);
    const Ran ran = run_quads(form, numbered(32, 1));
    CHECK(ran.launched.status.code() == ErrorCode::kInvalidArgument);
    CHECK(ran.launched.status.message().starts_with("sim: ptx line 15: "));
  }
}

TEST_CASE("a_pointer_that_is_loaded_as_half_of_a_quad_may_be_written_through") {
  const auto sim = device();
  const auto target = *sim->allocate(16), data = *sim->allocate(16);
  const Quad pointer = {target.address(), 1};
  REQUIRE(sim->copy_in(data.address(), std::as_bytes(std::span(&pointer, 1))).ok());
  const Launched launched = launch(*sim, kernel_text(".reg .b128 %q<2>; ld.param.u64 %rd1, [data]; mov.u32 %r1, %tid.x; and.b32 %r2, %r1, 31; setp.eq.u32 %p1, %r2, 0;\n"
                                                     "ld.global.b128 %q1, [%rd1]; mov.b128 {%rd5, %rd6}, %q1; @%p1 st.global.u32 [%rd5], %r1;\n", ".param .u64 data"), {.threads = 64}, {data.address()});
  REQUIRE(launched.find("global_race") != nullptr);
}

// What CUDA C++ has of it: atomics of __int128.
TEST_CASE("atomics_of_128_bits_from_nvrtc_do_what_cpp_does") {
  Nvrtc nvrtc;
  if (!nvrtc.found()) BSGEN_SKIP("libnvrtc is not installed");
  const char* const source = R"(
    extern "C" __global__ void k(unsigned __int128* p) {
      unsigned __int128 mine = p[threadIdx.x], seen = __nv_atomic_load_n(p + 40, __NV_ATOMIC_RELAXED, __NV_THREAD_SCOPE_DEVICE), wanted = 0;
      do wanted = seen;
      while (!__nv_atomic_compare_exchange_n(p + 40, &seen, wanted + mine * 3, false, __NV_ATOMIC_SEQ_CST, __NV_ATOMIC_RELAXED, __NV_THREAD_SCOPE_DEVICE));
      __nv_atomic_exchange_n(p + 41, mine, __NV_ATOMIC_ACQ_REL, __NV_THREAD_SCOPE_DEVICE);
      if (threadIdx.x == 0) __nv_atomic_store_n(p + 42, mine ^ wanted, __NV_ATOMIC_RELEASE, __NV_THREAD_SCOPE_SYSTEM);
    })";
  using Wide = unsigned __int128;
  for (const char* const arch : {"90", "100", "121"}) {
    std::string log;
    const std::string ptx = nvrtc.compile(source, fmt::format("compute_{}", arch), &log, {"--device-int128"});
    INFO(log);
    REQUIRE(ptx.find("atom.cas") != std::string::npos);
    const auto sim = device(fmt::format("sm_{}", arch));
    std::vector<Wide> memory(43);
    Wide sum = 0;
    for (std::size_t i = 0; i < 32; ++i) memory[i] = (Wide{0xfedcba9876543210 * (i + 1)} << 64) + 0xffffffffffffffff - i, sum += memory[i] * 3;
    const auto data = *sim->allocate(memory.size() * 16);
    REQUIRE(sim->copy_in(data.address(), std::as_bytes(std::span(memory))).ok());
    const Launched launched = launch(*sim, ptx, {.threads = 32}, {data.address()});
    CHECK(launched.status.message() == "");
    const std::vector<Wide> before = memory;
    REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(memory)), data.address()).ok());
    CHECK((memory[40] == sum));
    CHECK((std::find(before.begin(), before.begin() + 32, memory[41]) != before.begin() + 32));
  }
}

}  // namespace
}  // namespace bsgen::sim::test
