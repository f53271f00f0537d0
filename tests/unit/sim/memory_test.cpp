// Loads and stores of every width, cp.async, ldmatrix and stmatrix, atomics, variables, calls, and what each of them counts.
#include <fmt/format.h>

#include <cstring>

#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

constexpr const char* kStart = "ld.param.u64 %rd1, [in];\nld.param.u64 %rd2, [out];\nmov.u32 %r1, %tid.x;\n";

struct Run {
  Launched launched;
  std::vector<std::uint32_t> out;
};
// in = 1024 words with in[i] = 0x01000100 * i + i, out = 1024 zeros.
Run run_words(const std::string& body, std::uint32_t threads = 32, Timing timing = Timing::kEarly, const std::string& module_text = "",
              std::uint32_t dynamic_shared = 0, std::uint32_t ctas = 1, int num_threads = 2) {
  auto sim = device("sm_90", timing, num_threads);
  std::vector<std::uint32_t> in(1024), out(1024, 0);
  for (std::uint32_t i = 0; i < 1024; ++i) in[i] = 0x01000100u * i + i;
  const auto a = *sim->allocate(4096), b = *sim->allocate(4096);
  REQUIRE(sim->copy_in(a.address(), std::as_bytes(std::span(in))).ok());
  REQUIRE(sim->copy_in(b.address(), std::as_bytes(std::span(out))).ok());
  Run made;
  made.launched = launch(*sim, kernel_text(kStart + body, ".param .u64 in, .param .u64 out", 90, module_text), {.grid_x = ctas, .threads = threads},
                         {a.address(), b.address()}, dynamic_shared);
  REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(out)), b.address()).ok());
  made.out = out;
  return made;
}
std::uint32_t word(std::uint32_t i) { return 0x01000100u * i + i; }

TEST_CASE("vector_accesses_move_every_element_and_count_sectors") {
  const Run r = run_words(
      "mul.wide.u32 %rd3, %r1, 16;\nadd.s64 %rd4, %rd1, %rd3;\nadd.s64 %rd5, %rd2, %rd3;\n"
      "ld.global.nc.L1::no_allocate.v4.u32 {%r10, %r11, %r12, %r13}, [%rd4];\nst.global.v2.u32 [%rd5], {%r11, %r10};\nst.global.v2.f32 [%rd5+8], {%f1, %f2};\n");
  // %f1 and %f2 are read although nothing wrote them: the decoder says so.
  CHECK(r.launched.status.code() == ErrorCode::kCheckFailed);
  const Run s = run_words(
      "mul.wide.u32 %rd3, %r1, 16;\nadd.s64 %rd4, %rd1, %rd3;\nadd.s64 %rd5, %rd2, %rd3;\n"
      "ld.global.v4.u32 {%r10, %r11, %r12, %r13}, [%rd4];\nst.global.v2.u32 [%rd5], {%r11, %r10};\nst.global.v2.u32 [%rd5+8], {%r13, %r12};\n");
  REQUIRE(s.launched.status.ok());
  for (std::uint32_t i = 0; i < 128; ++i) CHECK(s.out[i] == word(i ^ 1));
  CHECK(s.launched.report.counters.global_read_bytes == 512);
  CHECK(s.launched.report.counters.global_write_bytes == 1024);  // each store touches every sector once
  CHECK(s.launched.report.counters.warp_instructions == 9 + 1);
}

TEST_CASE("narrow_accesses_extend_by_the_instructions_type") {
  const Run r = run_words(
      "cvt.u64.u32 %rd3, %r1;\nadd.s64 %rd4, %rd1, %rd3;\nmul.wide.u32 %rd5, %r1, 4;\nadd.s64 %rd6, %rd2, %rd5;\n"
      "ld.global.u8 %rs1, [%rd4+1020];\nld.global.s8 %r10, [%rd4+1020];\nld.global.s8 %rd10, [%rd4+1020];\ncvt.u32.u16 %r11, %rs1;\n"
      "shr.u64 %rd11, %rd10, 56;\ncvt.u32.u64 %r12, %rd11;\nadd.s32 %r13, %r10, %r11;\nadd.s32 %r14, %r13, %r12;\nst.global.u32 [%rd6], %r14;\n");
  REQUIRE(r.launched.status.ok());
  std::vector<std::uint32_t> in(1024);
  for (std::uint32_t i = 0; i < 1024; ++i) in[i] = word(i);
  for (std::uint32_t t = 0; t < 32; ++t) {
    std::uint8_t byte;
    std::memcpy(&byte, reinterpret_cast<const char*>(in.data()) + 1020 + t, 1);
    const auto extended = static_cast<std::int8_t>(byte);
    CHECK(r.out[t] == static_cast<std::uint32_t>(extended) + byte + (extended < 0 ? 0xffu : 0u));
  }
  CHECK(r.launched.report.counters.global_read_bytes == 3 * 64);  // bytes 1020 .. 1051: two sectors each time
}

TEST_CASE("shared_wavefronts_count_bank_conflicts") {
  const auto wavefronts = [](const std::string& address, const std::string& store) {
    const Run r = run_words(address + store, 32, Timing::kEarly, ".shared .align 16 .b8 buffer[8192];");
    INFO(r.launched.status.message());
    REQUIRE(r.launched.status.ok());
    return std::pair(r.launched.report.counters.shared_wavefronts, r.launched.report.counters.shared_wavefronts_ideal);
  };
  const std::string base = "mov.u32 %r2, buffer;\n";
  const std::string u32 = "st.shared.u32 [%r4], %r1;\n";
  using Pair = std::pair<std::uint64_t, std::uint64_t>;
  CHECK(wavefronts(base + "mad.lo.s32 %r4, %r1, 4, %r2;\n", u32) == Pair(1, 1));
  CHECK(wavefronts(base + "mad.lo.s32 %r4, %r1, 8, %r2;\n", u32) == Pair(2, 1));
  CHECK(wavefronts(base + "mad.lo.s32 %r4, %r1, 128, %r2;\n", u32) == Pair(32, 1));
  CHECK(wavefronts(base + "mad.lo.s32 %r4, %r1, 2, %r2;\ncvt.u16.u32 %rs1, %r1;\n", "st.shared.u16 [%r4], %rs1;\n") == Pair(1, 1));
  CHECK(wavefronts(base + "mov.u32 %r4, %r2;\n", "st.shared.u32 [%r4], 7;\n") == Pair(1, 1));  // one word for all
  const std::string v4 = "st.shared.v4.u32 [%r4], {%r1, %r1, %r1, %r1};\n";
  CHECK(wavefronts(base + "mad.lo.s32 %r4, %r1, 16, %r2;\n", v4) == Pair(4, 4));
  CHECK(wavefronts(base + "mad.lo.s32 %r4, %r1, 32, %r2;\n", v4) == Pair(8, 4));
  CHECK(wavefronts(base + "mad.lo.s32 %r4, %r1, 16, %r2;\n", "st.shared.v2.u32 [%r4], {%r1, %r1};\n") == Pair(4, 2));
}

// Rows of a 32 x 64-byte tile, written by all threads.
std::string fill_tile(int row_bytes) {
  return fmt::format(
      "mov.u32 %r2, buffer;\nmad.lo.s32 %r3, %r1, {}, %r2;\nmul.lo.s32 %r4, %r1, 0x00010001;\nst.shared.v4.u32 [%r3], {{%r4, %r4, %r4, %r4}};\nbar.sync 0;\n", row_bytes);
}

TEST_CASE("ldmatrix_distributes_rows_and_counts_one_wavefront_per_matrix_or_its_conflicts") {
  const std::string load = "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r10, %r11, %r12, %r13}, [%r3];\n";
  const std::string store =
      "mul.wide.u32 %rd3, %r1, 16;\nadd.s64 %rd4, %rd2, %rd3;\nst.global.v4.u32 [%rd4], {%r10, %r11, %r12, %r13};\n";
  const std::string buffer = ".shared .align 16 .b8 buffer[8192];";
  for (const auto& [row_bytes, wavefronts] : {std::pair(16, 4u), std::pair(64, 16u), std::pair(128, 32u), std::pair(80, 4u)}) {
    const Run r = run_words(fill_tile(row_bytes) + load + store, 32, Timing::kEarly, buffer);
    INFO(r.launched.status.message());
    REQUIRE(r.launched.status.ok());
    for (std::uint32_t lane = 0; lane < 32; ++lane)
      for (std::uint32_t i = 0; i < 4; ++i) CHECK(r.out[lane * 4 + i] == (8 * i + lane / 4) * 0x00010001u);
    const std::uint64_t fill = row_bytes == 16 || row_bytes == 80 ? 4 : row_bytes == 64 ? 16 : 32;
    CHECK(r.launched.report.counters.shared_wavefronts == fill + wavefronts);
    CHECK(r.launched.report.counters.shared_wavefronts_ideal == 4 + 4);
  }
  const Run t = run_words(fill_tile(16) + "ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%r10}, [%r3];\n" +
                              "movmatrix.sync.aligned.m8n8.trans.b16 %r11, %r10;\nmov.u32 %r12, 0;\nmov.u32 %r13, 0;\n" + store, 32, Timing::kEarly, buffer);
  REQUIRE(t.launched.status.ok());
  for (std::uint32_t lane = 0; lane < 32; ++lane) {
    CHECK(t.out[lane * 4] == (2 * (lane % 4) | (2 * (lane % 4) + 1) << 16));
    CHECK(t.out[lane * 4 + 1] == lane / 4 * 0x00010001u);
  }
}

TEST_CASE("stmatrix_is_the_inverse_of_ldmatrix") {
  for (const char* trans : {"", ".trans"}) {
    const Run r = run_words(fmt::format(
        "mov.u32 %r2, buffer;\nmad.lo.s32 %r3, %r1, 16, %r2;\nmul.wide.u32 %rd3, %r1, 8;\nadd.s64 %rd4, %rd1, %rd3;\nadd.s64 %rd5, %rd2, %rd3;\n"
        "ld.global.v2.u32 {{%r10, %r11}}, [%rd4];\nstmatrix.sync.aligned.m8n8.x2{0}.shared.b16 [%r3], {{%r10, %r11}};\nbar.warp.sync 0xffffffff;\n"
        "ldmatrix.sync.aligned.m8n8.x2{0}.shared.b16 {{%r12, %r13}}, [%r3];\nst.global.v2.u32 [%rd5], {{%r12, %r13}};\n", trans), 32, Timing::kEarly,
        ".shared .align 16 .b8 buffer[512];");
    INFO(r.launched.status.message());
    REQUIRE(r.launched.status.ok());
    for (std::uint32_t i = 0; i < 64; ++i) CHECK(r.out[i] == word(i));
  }
}

TEST_CASE("cp_async_lands_early_or_late_with_the_same_result_and_zero_fills") {
  for (Timing timing : {Timing::kEarly, Timing::kLate})
    for (int size : {4, 8, 16}) {
      const Run r = run_words(fmt::format(
          "mov.u32 %r2, buffer;\nmad.lo.s32 %r3, %r1, {0}, %r2;\nmul.wide.u32 %rd3, %r1, {0};\nadd.s64 %rd4, %rd1, %rd3;\nand.b32 %r5, %r1, 1;\nmul.lo.s32 %r6, %r5, {1};\n"
          "cp.async.ca.shared.global [%r3], [%rd4], {0}, %r6;\ncp.async.commit_group;\ncp.async.wait_group 0;\nbar.sync 0;\n"
          "mad.lo.s32 %r7, %r1, 4, %r2;\nld.shared.u32 %r8, [%r7];\nmul.wide.u32 %rd5, %r1, 4;\nadd.s64 %rd6, %rd2, %rd5;\nst.global.u32 [%rd6], %r8;\n", size, size - 2), 32, timing,
          ".shared .align 16 .b8 buffer[512];");
      INFO(r.launched.status.message());
      REQUIRE(r.launched.status.ok());
      const auto chunk = static_cast<std::uint32_t>(size);
      for (std::uint32_t i = 0; i < 32; ++i) {
        const std::uint32_t lane = i * 4 / chunk, at = i * 4 % chunk;
        const std::uint32_t valid = lane % 2 == 0 ? 0 : chunk - 2;
        const std::uint32_t mask = at + 4 <= valid ? 0xffffffff : at + 2 <= valid ? 0xffff : 0;
        CHECK(r.out[i] == (word(i) & mask));
      }
      // Odd lanes read; their chunks are apart, so each sector holds some of them.
      CHECK(r.launched.report.counters.global_read_bytes == static_cast<std::uint64_t>(size) * 32);
    }
}

TEST_CASE("wait_group_counts_groups_of_the_thread") {
  // Two groups; waiting for all but one makes the first visible, early and late.
  const std::string body =
      "mov.u32 %r2, buffer;\nmad.lo.s32 %r3, %r1, 16, %r2;\nmul.wide.u32 %rd3, %r1, 16;\nadd.s64 %rd4, %rd1, %rd3;\n"
      "cp.async.cg.shared.global [%r3], [%rd4], 16;\ncp.async.commit_group;\n"
      "cp.async.cg.shared.global [%r3+512], [%rd4+512], 16;\ncp.async.commit_group;\ncp.async.wait_group 1;\nld.shared.u32 %r8, [%r3];\n"
      "cp.async.wait_all;\nld.shared.u32 %r9, [%r3+512];\nmul.wide.u32 %rd5, %r1, 8;\nadd.s64 %rd6, %rd2, %rd5;\nst.global.v2.u32 [%rd6], {%r8, %r9};\n";
  for (Timing timing : {Timing::kEarly, Timing::kLate}) {
    const Run r = run_words(body, 32, timing, ".shared .align 16 .b8 buffer[1024];");
    INFO(r.launched.status.message());
    REQUIRE(r.launched.status.ok());
    for (std::uint32_t i = 0; i < 32; ++i) {
      CHECK(r.out[2 * i] == word(4 * i));
      CHECK(r.out[2 * i + 1] == word(128 + 4 * i));
    }
  }
}

TEST_CASE("atomics_add_compare_and_exchange") {
  const Run r = run_words(
      "red.global.add.u32 [%rd2], %r1;\natom.global.max.s32 %r10, [%rd2+4], %r1;\natom.global.cas.b32 %r11, [%rd2+8], 0, %r1;\n"
      "atom.global.add.f32 %f1, [%rd2+12], 0f3F800000;\natom.global.exch.b32 %r12, [%rd2+16], 77;\natom.global.inc.u32 %r13, [%rd2+20], 6;\n"
      "mul.wide.u32 %rd5, %r1, 4;\nadd.s64 %rd6, %rd2, %rd5;\nmov.u32 %r14, %ctaid.x;\nsetp.eq.u32 %p1, %r14, 2;\n@%p1 st.global.u32 [%rd6+128], %r13;\n", 64, Timing::kEarly, "", 0, 3);
  REQUIRE(r.launched.status.ok());
  CHECK(r.out[0] == 3 * 64 * 63 / 2);
  CHECK(r.out[1] == 63);
  CHECK(r.out[2] == 1);  // thread 0 exchanges 0 for 0, thread 1 wins
  CHECK(r.out[3] == 0x43400000);  // 192.0
  CHECK(r.out[4] == 77);
  CHECK(r.out[5] == 192 % 7);
  for (std::uint32_t i = 0; i < 64; ++i) CHECK(r.out[32 + i] == (128 + i) % 7);
}

TEST_CASE("f32_sums_flush_subnormals_in_global_memory_and_keep_them_in_shared_memory") {
  for (bool shared : {false, true}) {
    auto sim = device();
    std::vector<std::uint32_t> cell(4, 0x00400000);  // half the smallest normal number
    const auto memory = *sim->allocate(16);
    REQUIRE(sim->copy_in(memory.address(), std::as_bytes(std::span(cell))).ok());
    const std::string add = shared ? "mov.u32 %r2, s;\nmov.b32 %r3, 0x00400000;\nst.shared.u32 [%r2], %r3;\natom.shared.add.f32 %f2, [%r2], %f1;\nld.shared.f32 %f3, [%r2];\nst.global.f32 [%rd1], %f3;\n"
                                   : "red.global.add.f32 [%rd1], %f1;\n";
    const Launched launched = launch(*sim, kernel_text(".shared .align 4 .b32 s;\nld.param.u64 %rd1, [in];\nmov.f32 %f1, 0f80100000;\n" + add), {.threads = 1}, {memory.address(), 0});
    INFO(launched.status.message());
    REQUIRE(launched.status.ok());
    REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(cell)), memory.address()).ok());
    CHECK(cell[0] == (shared ? 0x00300000u : 0u));
  }
}

TEST_CASE("module_variables_hold_their_initialisers_and_addresses") {
  const Run r = run_words(
      "mov.u64 %rd10, table;\nld.const.u16 %r10, [%rd10+2];\nld.global.u64 %rd11, [pointer];\nld.global.u32 %r11, [%rd11];\nld.global.u32 %r12, [zero];\n"
      "ld.global.f32 %f1, [real];\nst.global.v4.u32 [%rd2], {%r10, %r11, %r12, %r1};\nst.global.f32 [%rd2+16], %f1;\n", 1, Timing::kEarly,
      ".const .align 4 .b8 table[8] = {1, 0, 2, 3};\n.global .align 4 .b8 values[8] = {9, 0, 0, 0, 250, 255, 255, 255};\n"
      ".global .align 8 .u64 pointer = generic(values)+4;\n.global .align 4 .u32 zero;\n.global .align 4 .f32 real = 0f3FC00000;\n");
  INFO(r.launched.status.message());
  REQUIRE(r.launched.status.ok());
  CHECK(r.out[0] == 0x302);
  CHECK(r.out[1] == 0xfffffffa);
  CHECK(r.out[2] == 0);
  CHECK(r.out[4] == 0x3fc00000);
}

TEST_CASE("local_memory_belongs_to_the_thread_and_generic_addresses_find_their_space") {
  const Run r = run_words(
      ".local .align 16 .b8 frame[32];\nmov.u64 %rd10, frame;\nst.local.u32 [%rd10+8], %r1;\ncvta.local.u64 %rd11, %rd10;\nld.u32 %r10, [%rd11+8];\n"
      ".shared .align 4 .b8 own[128];\nmov.u64 %rd12, own;\ncvta.shared.u64 %rd13, %rd12;\nmul.wide.u32 %rd3, %r1, 4;\nadd.s64 %rd14, %rd13, %rd3;\n"
      "st.u32 [%rd14], %r10;\nld.u32 %r11, [%rd14];\nadd.s64 %rd6, %rd2, %rd3;\nst.u32 [%rd6], %r11;\n");
  INFO(r.launched.status.message());
  REQUIRE(r.launched.status.ok());
  for (std::uint32_t i = 0; i < 32; ++i) CHECK(r.out[i] == i);
}

TEST_CASE("calls_are_expanded_with_their_own_registers_and_divergent_returns") {
  const std::string functions =
      ".func (.param .b32 result) twice(.param .b32 x)\n{\n.reg .b32 %r<9>;\n.reg .pred %p<3>;\nld.param.u32 %r1, [x];\nsetp.gt.u32 %p1, %r1, 9;\n@%p1 bra BIG;\n"
      "add.s32 %r2, %r1, %r1;\nst.param.b32 [result], %r2;\nret;\nBIG:\nst.param.b32 [result], 1000;\nret;\n}\n";
  const Run r = run_words(
      "{\n.param .b32 argument;\nst.param.b32 [argument], %r1;\n.param .b32 back;\ncall.uni (back), twice, (argument);\nld.param.b32 %r10, [back];\n}\n"
      "{\n.param .b32 argument;\nst.param.b32 [argument], %r10;\n.param .b32 back;\ncall.uni (back), twice, (argument);\nld.param.b32 %r11, [back];\n}\n"
      "mul.wide.u32 %rd3, %r1, 4;\nadd.s64 %rd6, %rd2, %rd3;\nst.global.u32 [%rd6], %r11;\n", 32, Timing::kEarly, functions);
  INFO(r.launched.status.message());
  REQUIRE(r.launched.status.ok());
  for (std::uint32_t i = 0; i < 32; ++i) {
    const std::uint32_t once = i > 9 ? 1000 : 2 * i;
    CHECK(r.out[i] == (once > 9 ? 1000 : 2 * once));
  }
}

TEST_CASE("results_counters_and_findings_do_not_depend_on_the_number_of_threads") {
  // Each cta writes its own words; every fourth one also writes past the end.
  const std::string body =
      "mov.u32 %r2, %ctaid.x;\nmad.lo.s32 %r3, %r2, 32, %r1;\nand.b32 %r4, %r2, 3;\nsetp.eq.s32 %p1, %r4, 3;\nmul.wide.u32 %rd3, %r3, 4;\nadd.s64 %rd4, %rd2, %rd3;\n"
      "st.global.u32 [%rd4], %r3;\n@%p1 st.global.u32 [%rd4+8192], %r3;\n";
  const Run one = run_words(body, 32, Timing::kEarly, "", 0, 32, 1), many = run_words(body, 32, Timing::kEarly, "", 0, 32, 5);
  CHECK(one.out == many.out);
  CHECK(one.launched.report.counters.global_write_bytes == many.launched.report.counters.global_write_bytes);
  CHECK(one.launched.report.counters.warp_instructions == many.launched.report.counters.warp_instructions);
  REQUIRE(one.launched.report.diagnostics.size() == 1);
  REQUIRE(many.launched.report.diagnostics.size() == 1);
  CHECK(one.launched.report.diagnostics[0].message == many.launched.report.diagnostics[0].message);
  CHECK(one.launched.report.diagnostics[0].count == many.launched.report.diagnostics[0].count);
  CHECK(one.launched.report.diagnostics[0].count == 8 * 32);
}

}  // namespace
}  // namespace bsgen::sim::test
