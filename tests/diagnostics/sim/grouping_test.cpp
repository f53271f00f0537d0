// One fault at several copies of one instruction is one finding that says how many and where; what is independent stays apart.
#include <fmt/format.h>

#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

// The body begins at ptx line 14; its .loc directives may name file 1, k.cu.
LaunchReport report_of(const std::string& body, std::uint32_t threads = 1, int num_workers = 1) {
  const auto sim = device("sm_90", Timing::kEarly, num_workers);
  const auto memory = *sim->allocate(64);
  const Launched launched = launch(*sim, kernel_text(body, ".param .u64 in", 90, ".file 1 \"/x/k.cu\" .shared .align 16 .b8 buffer[64]; .shared .align 16 .b8 other[64];"), {.threads = threads}, {memory.address()});
  CHECK(launched.status.code() == ErrorCode::kCheckFailed);
  REQUIRE(!launched.report.diagnostics.empty());
  CHECK(launched.status.message() == launched.report.diagnostics[0].message);
  return launched.report;
}

using Lines = std::vector<int>;

TEST_CASE("a_fault_in_an_unrolled_loop_is_one_finding_that_names_all_its_lines") {
  const LaunchReport report = report_of(
      "mov.f32 %f1, 0f3f800000; .loc 1 7 3\n"
      "fma.rn.f32 %f10, %f1, %f1, %f10;\n"
      "mov.f32 %f2, 0f3f800000;\n"
      "fma.rn.f32 %f21, %f1, %f2, %f20;\n"
      "fma.rn.f32 %f30, %f1, %f1, %f30;\n", 64);
  REQUIRE(report.diagnostics.size() == 1);
  const Diagnostic& found = report.diagnostics[0];
  CHECK(found.message == "sim: register %f10 is read and nothing wrote it (ptx line 15, k.cu line 7, kernel k) and 2 more instructions of the same line of CUDA (ptx lines 17, 18)");
  CHECK(found.instructions == 3);
  CHECK(found.ptx_lines == Lines{15, 17, 18});
  CHECK(found.ptx_line == 15);
  CHECK(found.cuda_line == 7);
}

TEST_CASE("a_finding_in_copies_counts_all_of_them_and_shows_the_first_cta_and_line") {
  const std::string body =
      "mov.u32 %r1, %tid.x; mov.u32 %r2, buffer; .loc 1 9 5\n"
      "ld.shared.u32 %r3, [%r2];\n"
      "ld.shared.u32 %r4, [%r2+16];\n"
      "setp.gt.u32 %p1, %r1, 31; @%p1 ld.shared.u32 %r4, [%r2+32];\n";
  for (const int workers : {1, 4}) {
    const LaunchReport report = report_of(body, 64, workers);
    REQUIRE(report.diagnostics.size() == 1);
    CHECK(report.diagnostics[0].message ==
          "sim: cta (0, 0) thread 0 reads 4 bytes at shared offset 0 (buffer); byte 0 was never written (ptx line 15, k.cu line 9, kernel k) and 2 more instructions of the same line of CUDA "
          "(ptx lines 16, 17)");
    CHECK(report.diagnostics[0].count == 64 + 64 + 32);
    CHECK(report.diagnostics[0].warp == 0);
  }
}

TEST_CASE("another_copy_on_the_same_ptx_line_is_counted_and_its_line_named_once") {
  const LaunchReport report = report_of("mov.u32 %r2, buffer; .loc 1 9 5\nld.shared.u32 %r3, [%r2]; ld.shared.u32 %r4, [%r2+16];\n");
  REQUIRE(report.diagnostics.size() == 1);
  CHECK(report.diagnostics[0].message.ends_with("kernel k) and 1 more instruction of the same line of CUDA (ptx line 15)"));
  CHECK(report.diagnostics[0].instructions == 2);
  CHECK(report.diagnostics[0].ptx_lines == Lines{15});
}

TEST_CASE("many_copies_are_counted_in_full_and_their_lines_named_in_part") {
  std::string body = "mov.u32 %r2, buffer; .loc 1 9 5\n";
  for (int i = 0; i < 20; ++i) body += "ld.shared.u32 %r3, [%r2];\n";
  const LaunchReport report = report_of(body);
  REQUIRE(report.diagnostics.size() == 1);
  CHECK(report.diagnostics[0].message.ends_with(
      "kernel k) and 19 more instructions of the same line of CUDA (ptx lines 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30 ... 34)"));
  CHECK(report.diagnostics[0].ptx_lines.size() == 20);
}

// Two reads of memory that nobody wrote, which are one finding but for what each case says.
struct Pair {
  const char* what;
  const char* first_loc;
  const char* first;
  const char* second_loc;
  const char* second;
  bool one;
};

TEST_CASE("findings_are_one_where_kind_opcode_place_callers_and_words_are_the_same") {
  const char* const load = "ld.shared.u32 %r3, [%r2];";
  const Pair pairs[] = {
      {"twins", ".loc 1 9 5", load, ".loc 1 9 5", load, true},
      {"another offset, register and lane", ".loc 1 9 5", load, ".loc 1 9 5", "@%p1 ld.shared.u32 %r9, [buffer+16];", true},
      {"far apart", ".loc 1 9 5", load, "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n", load, true},
      {"another line", ".loc 1 9 5", load, ".loc 1 10 5", load, false},
      {"another column", ".loc 1 9 5", load, ".loc 1 9 6", load, false},
      {"the same caller", ".loc 1 20 1\n.loc 1 9 5, function_name $f, inlined_at 1 20 1", load, ".loc 1 20 1\n.loc 1 9 5, function_name $f, inlined_at 1 20 1", load, true},
      {"another caller", ".loc 1 20 1\n.loc 1 9 5, function_name $f, inlined_at 1 20 1", load, ".loc 1 21 1\n.loc 1 9 5, function_name $f, inlined_at 1 21 1", load, false},
      {"another opcode", ".loc 1 9 5", load, ".loc 1 9 5", "ld.shared.v2.u32 {%r3, %r4}, [%r2];", false},
      {"another symbol", ".loc 1 9 5", load, ".loc 1 9 5", "ld.shared.u32 %r3, [other];", false},
      {"another kind", ".loc 1 9 5", load, ".loc 1 9 5", "ld.shared.u32 %r3, [%r2+4096];", false},
      {"line 0 is nobody's line", ".loc 1 0 0", load, "mov.u32 %r5, 0;\n\n\n\n\n\n\n\n\n\n\n\n", load, false},
  };
  for (const Pair& pair : pairs) {
    INFO(pair.what);
    const LaunchReport report = report_of(fmt::format("mov.u32 %r2, buffer; mov.u32 %r1, %tid.x; setp.gt.u32 %p1, %r1, 3;\n{}\n{}\n{}\n{}\n", pair.first_loc, pair.first, pair.second_loc, pair.second), 32);
    CHECK(report.diagnostics.size() == (pair.one ? 1 : 2));
  }
}

TEST_CASE("without_lines_of_cuda_neighbours_are_one_finding_and_what_stands_apart_is_not") {
  const std::string load = "ld.shared.u32 %r3, [%r2];\n";
  const auto apart = [&](int lines) { return report_of("mov.u32 %r2, buffer;\n" + load + std::string(static_cast<std::size_t>(lines - 1), '\n') + load); };
  REQUIRE(apart(12).diagnostics.size() == 1);
  CHECK(apart(12).diagnostics[0].message ==
        "sim: cta (0, 0) thread 0 reads 4 bytes at shared offset 0 (buffer); byte 0 was never written (ptx line 15, kernel k) and 1 more instruction like it close by (ptx line 27)");
  const LaunchReport far = apart(13);
  REQUIRE(far.diagnostics.size() == 2);
  CHECK(far.diagnostics[1].ptx_line == 28);
  CHECK(far.diagnostics[1].instructions == 1);
  // Each is near the one before it, the last is not near the first.
  const std::string gap(11, '\n');
  CHECK(report_of("mov.u32 %r2, buffer;\n" + load + gap + load + gap + load).diagnostics.size() == 1);
}

TEST_CASE("registers_count_by_the_operand_that_they_are") {
  const std::string ready = "mov.f32 %f1, 0f3f800000;\n";
  // The sum of each, under whatever name; then a factor.
  CHECK(report_of(ready + "fma.rn.f32 %f3, %f1, %f1, %f10;\nfma.rn.f32 %f4, %f1, %f1, %f11;\n").diagnostics.size() == 1);
  CHECK(report_of(ready + "fma.rn.f32 %f10, %f1, %f1, %f10;\nfma.rn.f32 %f4, %f1, %f1, %f11;\n").diagnostics.size() == 1);
  CHECK(report_of(ready + "fma.rn.f32 %f3, %f1, %f1, %f10;\nfma.rn.f32 %f4, %f1, %f11, %f1;\n").diagnostics.size() == 2);
  // %f1 is not %f10, which stands before it.
  CHECK(report_of("mov.f32 %f10, 0f3f800000; mov.f32 %f2, 0f3f800000;\nfma.rn.f32 %f3, %f10, %f2, %f1;\nfma.rn.f32 %f4, %f2, %f2, %f5;\n").diagnostics.size() == 1);
  CHECK(report_of("mov.f32 %f10, 0f3f800000; mov.f32 %f2, 0f3f800000;\nfma.rn.f32 %f3, %f1, %f2, %f10;\nfma.rn.f32 %f4, %f2, %f2, %f5;\n").diagnostics.size() == 2);
  // Vectors are one operand each.
  const std::string mma = "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {{%f1, %f2, %f3, %f4}}, {{%r1, %r1, %r1, {}}}, {{{}, {}}}, {{%f1, %f2, %f3, %f4}};\n";
  const std::string start = "mov.u32 %r1, 0; mov.f32 %f1, 0f00000000; mov.f32 %f2, %f1; mov.f32 %f3, %f1; mov.f32 %f4, %f1;\n";
  CHECK(report_of(start + fmt::format(fmt::runtime(mma), "%r1", "%r5", "%r1") + fmt::format(fmt::runtime(mma), "%r1", "%r1", "%r6"), 32).diagnostics.size() == 1);
  CHECK(report_of(start + fmt::format(fmt::runtime(mma), "%r5", "%r1", "%r1") + fmt::format(fmt::runtime(mma), "%r1", "%r1", "%r6"), 32).diagnostics.size() == 2);
}

TEST_CASE("races_of_copies_are_one_where_the_other_party_stands_at_one_place_too") {
  // Warp 0 writes, warp 1 reads what it wrote.
  const auto race = [](const std::string& between) {
    return report_of("mov.u32 %r1, %tid.x; setp.lt.u32 %p1, %r1, 32; and.b32 %r2, %r1, 31; mov.u32 %r3, buffer; setp.eq.u32 %p2, %r1, 0; setp.eq.u32 %p3, %r1, 32; .reg .b64 %a; mbarrier.init.shared.b64 [other], 1;\n"
                     ".loc 1 5 1\n@%p2 st.shared.u32 [%r3], 1;\n" + between + "@%p2 st.shared.u32 [%r3+16], 1;\n"
                     ".loc 1 8 1\n@%p3 ld.shared.u32 %r4, [%r3];\n@%p3 ld.shared.u32 %r4, [%r3+16];\n", 64);
  };
  const auto races = [](const LaunchReport& report) {
    std::size_t count = 0;
    for (const Diagnostic& each : report.diagnostics) count += each.ptx_line >= 18 && each.kind == "shared_race";
    return count;
  };
  CHECK(races(race("")) == 1);
  CHECK(races(race(".loc 1 6 1\n")) == 2);
}

TEST_CASE("copies_leave_room_for_what_else_is_wrong") {
  std::string body = "mov.u32 %r2, buffer; .loc 1 9 5\n";
  for (int i = 0; i < 40; ++i) body += "ld.shared.u32 %r3, [%r2];\n";
  const LaunchReport report = report_of(body + ".loc 1 30 1\nld.shared.u32 %r3, [other];\n");  // 32 are kept
  REQUIRE(report.diagnostics.size() == 2);
  CHECK(report.diagnostics[1].cuda_line == 30);
  // The limit is one of findings.
  std::string many = "mov.u32 %r2, buffer;\n";
  for (int i = 0; i < 40; ++i) many += fmt::format(".loc 1 {} 5\nld.shared.u32 %r3, [%r2];\nld.shared.u32 %r3, [%r2];\n", 100 + i);
  CHECK(report_of(many).diagnostics.size() == 32);
}

}  // namespace
}  // namespace bsgen::sim::test
