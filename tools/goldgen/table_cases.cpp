// Approximate functions over every mantissa of a binade, or every fraction of 23 bits: what exact copies of the GPU's tables are made from.
//
// A GPU's special-function unit takes the mantissa's high bits as an index and interpolates with the rest, and ex2 sees a fixed-point
// fraction (Oberman and Siu, ARITH 2005), so these sweeps hold all that there is to know; other binades differ in the exponent alone.
#include <fmt/format.h>

#include "tools/goldgen/cases.h"

namespace bsgen::goldens {
namespace {

struct Table {
  const char *group, *instruction, *domain;
  std::uint32_t first;  // bits of the first argument; 0: fractions -i / 2^23
  Bound bound;
};
// Bounds as in scalar_cases.cpp. A sweep of fewer than 2^23 words steps over arguments, not over the domain's end.
const Table kTables[] = {
    {"exponential", "ex2.approx.ftz.f32", "(-1, 0]", 0, {.ulps = 2}},
    {"exponential", "lg2.approx.ftz.f32", "[0.5, 1)", 0x3f000000, {.relative = 0x1p-22, .absolute = 0x1p-22}},
    {"exponential", "lg2.approx.ftz.f32", "[1, 2)", 0x3f800000, {.relative = 0x1p-22, .absolute = 0x1p-22}},
    {"roots", "rcp.approx.ftz.f32", "[1, 2)", 0x3f800000, {.ulps = 1}},
    {"roots", "rsqrt.approx.ftz.f32", "[1, 2)", 0x3f800000, {.relative = 1.2778e-7}},
    {"roots", "rsqrt.approx.ftz.f32", "[2, 4)", 0x40000000, {.relative = 1.2778e-7}},
    {"roots", "sqrt.approx.ftz.f32", "[1, 2)", 0x3f800000, {.relative = 0x1p-23}},
    {"roots", "sqrt.approx.ftz.f32", "[2, 4)", 0x40000000, {.relative = 0x1p-23}},
    {"waves", "sin.approx.ftz.f32", "[1, 2)", 0x3f800000, {.absolute = 6.7435e-7}},
    {"waves", "sin.approx.ftz.f32", "[2, 4)", 0x40000000, {.absolute = 6.7435e-7}},
    {"waves", "cos.approx.ftz.f32", "[1, 2)", 0x3f800000, {.absolute = 6.7435e-7}},
    {"waves", "cos.approx.ftz.f32", "[2, 4)", 0x40000000, {.absolute = 6.7435e-7}},
    {"tanh", "tanh.approx.f32", "[0.5, 1)", 0x3f000000, {.relative = 0x1p-11}},
    {"tanh", "tanh.approx.f32", "[1, 2)", 0x3f800000, {.relative = 0x1p-11}},
};

}  // namespace

std::vector<Case> tables_for(const Arch& arch, int log2_words) {
  constexpr int kThreads = 256;
  std::vector<Case> all;
  for (const Table& t : kTables) {
    Case made;
    made.name = fmt::format("table/{}/{} {}", t.group, t.instruction, t.domain);
    made.threads = kThreads;
    made.tiles = (1 << log2_words) / kThreads;
    made.output_words = std::size_t{1} << log2_words;
    made.bound = t.bound;
    made.bound->flushes = true;
    made.is_table = true;
    made.body = fmt::format("mad.lo.u32 %x0, %r0, {}, %x31;\nmad.wide.u32 %d0, %x0, 4, %rd1;\nshl.b32 %x1, %x0, {};\n", kThreads, 23 - log2_words);
    if (t.first != 0) made.body += fmt::format("add.u32 %x1, %x1, {:#x};\nmov.b32 %f0, %x1;\n", t.first);
    else made.body += "cvt.rn.f32.u32 %f0, %x1;\nmul.rn.f32 %f0, %f0, 0fB4000000;\n";  // times -2^-23: exact
    made.body += fmt::format("{} %f1, %f0;\nst.global.f32 [%d0], %f1;\n", t.instruction);
    if (arch.number >= made.min_sm) all.push_back(std::move(made));
  }
  return all;
}

}  // namespace bsgen::goldens
