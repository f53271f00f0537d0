#include "compiler/nvrtc/log_parser.h"

#include "tests/support/catch.h"

using bsgen::nvrtc::LogEntry;
using bsgen::nvrtc::parse_nvrtc_log;
using bsgen::nvrtc::parse_ptxas_log;
using Severity = LogEntry::Severity;

TEST_CASE("an_nvrtc_log_is_read_with_places_carets_and_instantiations") {
  const auto entries = parse_nvrtc_log(
      "k.cu(6): error: static assertion failed with \"tile: (a): b\"\n"
      "    static_assert(sizeof(int) == 8, \"tile: (a): b\");\n"
      "    ^\n"
      "\n"
      "k.cu(4): warning #177-D: variable \"unused\" was declared but never referenced\n"
      "    int unused = 3;\n"
      "        ^\n"
      "\n"
      "Remark: The warnings can be suppressed with \"-diag-suppress <warning-number>\"\n"
      "\n"
      "bsgen/kernels/dds.cuh(12): error: expression must have class type but it has type "
      "\"float\"\n"
      "  template<class T> __device__ T twice(T x) { return x.foo; }\n"
      "                                                     ^\n"
      "          detected during:\n"
      "            instantiation of \"T twice(T) [with T=float]\" at line 5 of k.cu\n"
      "\n"
      "2 errors detected in the compilation of \"k.cu\".\n");
  REQUIRE(entries.size() == 3);
  CHECK(entries[0] ==
        LogEntry{
            Severity::kError, "k.cu", 6, 3, "static assertion failed with \"tile: (a): b\"", {}});
  CHECK(entries[1] == LogEntry{Severity::kWarning,
                               "k.cu",
                               4,
                               7,
                               "variable \"unused\" was declared but never referenced",
                               {}});
  CHECK(entries[2] ==
        LogEntry{Severity::kError,
                 "bsgen/kernels/dds.cuh",
                 12,
                 52,
                 "expression must have class type but it has type \"float\"",
                 {"detected during:",
                  "instantiation of \"T twice(T) [with T=float]\" at line 5 of k.cu"}});
}

TEST_CASE("nvrtc_errors_without_a_place_are_read") {
  const auto option =
      parse_nvrtc_log("nvrtc: error: invalid value for --gpu-architecture (-arch)\n");
  REQUIRE(option.size() == 1);
  CHECK(option[0] ==
        LogEntry{Severity::kError, "", 0, 0, "invalid value for --gpu-architecture (-arch)", {}});
  const auto command = parse_nvrtc_log(
      "Command-line error: invalid or no value specified with --nv_arch flag\n\n1 catastrophic "
      "error detected\n");
  REQUIRE(command.size() == 1);
  CHECK(command[0].text == "invalid or no value specified with --nv_arch flag");
  const auto missing = parse_nvrtc_log(
      "k.cu(1): catastrophic error: cannot open source file \"x.cuh\"\n  #include <x.cuh>\n        "
      "          ^\n");
  REQUIRE(missing.size() == 1);
  CHECK(missing[0] ==
        LogEntry{Severity::kError, "k.cu", 1, 17, "cannot open source file \"x.cuh\"", {}});
}

TEST_CASE("an_assembler_log_is_read_and_repeats_are_left_out") {
  const auto entries = parse_ptxas_log(
      "ptxas application ptx input, line 41; error   : Unknown modifier '.f33'\n"
      "ptxas application ptx input, line 41; error   : Unknown modifier '.f33'\n"
      "ptxas k.ptx, line 7; warning : label : odd\n"
      "ptxas fatal   : Ptx assembly aborted due to errors\n"
      "ERROR NVJITLINK_ERROR_PTX_COMPILE: JIT the PTX (k.ptx)\n");
  REQUIRE(entries.size() == 3);
  CHECK(entries[0] ==
        LogEntry{Severity::kError, "application ptx input", 41, 0, "Unknown modifier '.f33'", {}});
  CHECK(entries[1] == LogEntry{Severity::kWarning, "k.ptx", 7, 0, "label : odd", {}});
  CHECK(entries[2] ==
        LogEntry{Severity::kError, "", 0, 0, "Ptx assembly aborted due to errors", {}});
}

TEST_CASE("broken_compiler_logs_give_no_entries") {
  for (const char* log : {"", "\n\n", "k.cu(x): error: y", "k.cu(3)", "(3): error: y",
                          "k.cu(99999999999): error: y", "^", "error", "k.cu(3): error"}) {
    CAPTURE(log);
    CHECK(parse_nvrtc_log(log).empty());
  }
  for (const char* log : {"ptxas", "ptxas ", "ptxas x, line ; error : y", "ptxas x, line 4",
                          "ptxas info    : Used 3 registers", "ptxas error"}) {
    CAPTURE(log);
    CHECK(parse_ptxas_log(log).empty());
  }
}
