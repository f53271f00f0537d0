// One instruction of one thread: arithmetic, conversions, packed halves, fp8, fields, approximate functions.
#include <fmt/format.h>

#include "tools/goldgen/cases.h"

namespace bsgen::goldens {
namespace {

struct Operation {
  const char* name;
  const char* body;
  std::vector<Draw> inputs;
  int min_sm = 75;
};
std::vector<Operation> operations() {
  const auto f = [](int n) { return std::vector<Draw>(static_cast<std::size_t>(n), Draw::kF32); };
  const auto h = [](int n) { return std::vector<Draw>(static_cast<std::size_t>(n), Draw::kF16); };
  const auto b = [](int n) { return std::vector<Draw>(static_cast<std::size_t>(n), Draw::kBf16); };
  const auto u = [](int n) { return std::vector<Draw>(static_cast<std::size_t>(n), Draw::kBits); };
  return {
      {"add.rn.f32", "add.rn.f32 %o0, %i0, %i1;", f(2)},
      {"mul.rn.f32", "mul.rn.f32 %o0, %i0, %i1;", f(2)},
      {"mul.rn.ftz.f32", "mul.rn.ftz.f32 %o0, %i0, %i1;", f(2)},
      {"fma.rn.f32", "fma.rn.f32 %o0, %i0, %i1, %i2;", f(3)},
      {"fma.rz.f32", "fma.rz.f32 %o0, %i0, %i1, %i2;", f(3)},
      {"div.rn.f32", "div.rn.f32 %o0, %i0, %i1;", f(2)},
      {"rcp.rn.f32", "rcp.rn.f32 %o0, %i0;", f(1)},
      {"sqrt.rn.f32", "sqrt.rn.f32 %o0, %i0;", f(1)},
      {"min.f32", "min.f32 %o0, %i0, %i1;", f(2)},
      {"max.f32", "max.f32 %o0, %i0, %i1;", f(2)},
      {"max.NaN.f32", "max.NaN.f32 %o0, %i0, %i1;", f(2), 80},
      {"setp.lt.f32", "setp.lt.f32 %p0, %i0, %i1; selp.b32 %o0, 1, 0, %p0;", f(2)},
      {"setp.ne.f32", "setp.ne.f32 %p0, %i0, %i1; selp.b32 %o0, 1, 0, %p0;", f(2)},
      {"cvt.rn.f16.f32", "cvt.rn.f16.f32 %h0, %i0; cvt.u32.u16 %o0, %h0;", f(1)},
      {"cvt.rz.f16.f32", "cvt.rz.f16.f32 %h0, %i0; cvt.u32.u16 %o0, %h0;", f(1)},
      {"cvt.f32.f16", "cvt.u16.u32 %h0, %i0; cvt.f32.f16 %o0, %h0;", h(1)},
      {"cvt.rn.f16x2.f32", "cvt.rn.f16x2.f32 %o0, %i0, %i1;", f(2), 80},
      {"cvt.rn.bf16x2.f32", "cvt.rn.bf16x2.f32 %o0, %i0, %i1;", f(2), 80},
      {"cvt.rn.bf16.f32", "cvt.rn.bf16.f32 %h0, %i0; cvt.u32.u16 %o0, %h0;", f(1), 80},
      {"cvt.rna.tf32.f32", "cvt.rna.tf32.f32 %o0, %i0;", f(1), 80},
      {"cvt.rni.s32.f32", "cvt.rni.s32.f32 %o0, %i0;", f(1)},
      {"cvt.rzi.u32.f32", "cvt.rzi.u32.f32 %o0, %i0;", f(1)},
      {"cvt.rzi.s64.f32", "cvt.rzi.s64.f32 %d0, %i0; mov.b64 {%o0, %x0}, %d0;", f(1)},
      {"cvt.rn.f32.s32", "cvt.rn.f32.s32 %o0, %i0;", u(1)},
      {"cvt.rn.f32.u32", "cvt.rn.f32.u32 %o0, %i0;", u(1)},
      {"cvt.rn.satfinite.e4m3x2.f32", "cvt.rn.satfinite.e4m3x2.f32 %h0, %i0, %i1; cvt.u32.u16 %o0, %h0;", f(2), 89},
      {"cvt.rn.satfinite.e5m2x2.f32", "cvt.rn.satfinite.e5m2x2.f32 %h0, %i0, %i1; cvt.u32.u16 %o0, %h0;", f(2), 89},
      {"cvt.rn.f16x2.e4m3x2", "cvt.u16.u32 %h0, %i0; cvt.rn.f16x2.e4m3x2 %o0, %h0;", {Draw::kE4m3}, 89},
      {"add.f16x2", "add.rn.f16x2 %o0, %i0, %i1;", h(2)},
      {"mul.f16x2", "mul.rn.f16x2 %o0, %i0, %i1;", h(2)},
      {"fma.rn.f16x2", "fma.rn.f16x2 %o0, %i0, %i1, %i2;", h(3)},
      {"fma.rn.bf16x2", "fma.rn.bf16x2 %o0, %i0, %i1, %i2;", b(3), 80},
      {"max.f16x2", "max.f16x2 %o0, %i0, %i1;", h(2), 80},
      {"max.bf16x2", "max.bf16x2 %o0, %i0, %i1;", b(2), 80},
      {"mul.hi.s32", "mul.hi.s32 %o0, %i0, %i1;", u(2)},
      {"mul.hi.u32", "mul.hi.u32 %o0, %i0, %i1;", u(2)},
      {"bfe.s32", "bfe.s32 %o0, %i0, %i1, %i2;", u(3)},
      {"bfe.u32", "bfe.u32 %o0, %i0, %i1, %i2;", u(3)},
      {"bfi.b32", "bfi.b32 %o0, %i0, %i1, %i2, %i3;", u(4)},
      {"prmt.b32", "prmt.b32 %o0, %i0, %i1, %i2;", u(3)},
      {"shf.l.wrap.b32", "shf.l.wrap.b32 %o0, %i0, %i1, %i2;", u(3)},
      {"shf.r.clamp.b32", "shf.r.clamp.b32 %o0, %i0, %i1, %i2;", u(3)},
      {"shl.b32", "shl.b32 %o0, %i0, %i1;", u(2)},
      {"shr.s32", "shr.s32 %o0, %i0, %i1;", u(2)},
      {"dp4a.s32.s32", "dp4a.s32.s32 %o0, %i0, %i1, %i2;", u(3)},
      {"shfl.sync.bfly.b32", "shfl.sync.bfly.b32 %o0|%p0, %i0, %i1, 31, -1;", {Draw::kIndex, Draw::kIndex}},
      {"elect lane", "elect.sync %o0|%p0, -1;", {Draw::kIndex}, 90},
  };
}

// Approximate functions; the bounds are those of the PTX ISA 8.7, sections 9.7.3 (f32) and 9.7.4 (16 bit).
struct Approximation {
  const char* name;  // without .ftz
  bool has_ftz;
  int inputs;
  Bound bound;
};
const Approximation kApproximations[] = {
    {"ex2.approx{}.f32", true, 1, {.ulps = 2}},                                 // 9.7.3.21: 2 ulp from the correctly rounded result, everywhere
    {"lg2.approx{}.f32", true, 1, {.relative = 0x1p-22, .absolute = 0x1p-22}},  // 9.7.3.20: absolute within (0.5, 2), relative outside
    {"rcp.approx{}.f32", true, 1, {.ulps = 1}},                                 // 9.7.3.13
    {"rsqrt.approx{}.f32", true, 1, {.relative = 1.2778e-7}},                   // 9.7.3.16: 2^-22.9
    {"sqrt.approx{}.f32", true, 1, {.relative = 0x1p-23}},                      // 9.7.3.15
    {"tanh.approx{}.f32", false, 1, {.relative = 0x1p-11}},                     // 9.7.3.22
    {"div.full{}.f32", true, 2, {.ulps = 2}},                                   // 9.7.3.8
};
// 9.7.3.8: 2 ulp while the divisor lies in [2^-126, 2^126]; 9.7.3.18 and 19: 2^-20.5 up to 2 pi, 2^-14.7 up to 100 pi, nothing beyond.
// So these are asked of numbers near 1 only, times what the name says.
struct Bounded {
  const char *name, *body;
  int inputs;
  Bound bound;
};
constexpr double kNearError = 6.7435e-7, kFarError = 3.7572e-5;  // 2^-20.5, 2^-14.7
const Bounded kBounded[] = {
    {"div.approx.f32", "div.approx.f32 %f2, %f0, %f1;", 2, {.ulps = 2}},
    {"div.approx.ftz.f32", "div.approx.ftz.f32 %f2, %f0, %f1;", 2, {.ulps = 2}},
    {"sin.approx.f32 of halves", "mul.rn.f32 %f0, %f0, 0f3F000000; sin.approx.f32 %f2, %f0;", 1, {.absolute = kNearError}},
    {"cos.approx.f32 of halves", "mul.rn.f32 %f0, %f0, 0f3F000000; cos.approx.f32 %f2, %f0;", 1, {.absolute = kNearError}},
    {"sin.approx.ftz.f32 of 32 times", "mul.rn.f32 %f0, %f0, 0f42000000; sin.approx.ftz.f32 %f2, %f0;", 1, {.absolute = kFarError}},
    {"cos.approx.ftz.f32 of 32 times", "mul.rn.f32 %f0, %f0, 0f42000000; cos.approx.ftz.f32 %f2, %f0;", 1, {.absolute = kFarError}},
};
// 9.7.4.9 and 9.7.4.10. One half of a word is asked.
struct Half {
  const char* instruction;
  Draw draw;
  Bound bound;
  int min_sm;
};
const Half kHalves[] = {
    {"ex2.approx.f16", Draw::kF16, {.relative = 1.0467e-3, .format = Bound::Format::kF16}, 75},  // 2^-9.9
    {"ex2.approx.ftz.bf16", Draw::kBf16, {.relative = 0x1p-7, .format = Bound::Format::kBf16, .flushes = true}, 90},
    {"tanh.approx.f16", Draw::kF16, {.absolute = 4.9271e-4, .format = Bound::Format::kF16}, 75},  // 2^-10.987
    {"tanh.approx.bf16", Draw::kBf16, {.absolute = 0x1p-8, .format = Bound::Format::kBf16}, 90},
};

Case scalar(std::string name, std::string body, std::vector<Draw> inputs, const NamedSpread& spread) {
  Case made;
  made.name = fmt::format("{}/{}", name, spread.name);
  made.body = std::move(body);
  made.inputs = std::move(inputs);
  made.spread = spread.spread;
  made.tiles = 128;
  return made;
}
std::vector<Draw> floats(int count) { return std::vector<Draw>(static_cast<std::size_t>(count), Draw::kF32); }

}  // namespace

std::vector<Case> scalar_cases() {
  std::vector<Case> all;
  for (const Operation& op : operations())
    for (const NamedSpread& spread : kSpreads) {
      all.push_back(scalar(op.name, op.body, op.inputs, spread));
      all.back().min_sm = op.min_sm;
    }
  for (const Approximation& a : kApproximations)
    for (const char* ftz : {"", ".ftz"}) {
      if (*ftz && !a.has_ftz) continue;
      const std::string name = fmt::format(fmt::runtime(a.name), ftz);
      for (const NamedSpread& spread : kSpreads) {
        all.push_back(scalar(name, fmt::format("{} %o0, %i0{};", name, a.inputs == 2 ? ", %i1" : ""), floats(a.inputs), spread));
        all.back().bound = a.bound;
        all.back().bound->flushes = *ftz != 0;
      }
    }
  for (const Bounded& b : kBounded) {
    all.push_back(scalar(b.name, fmt::format("mov.b32 %f0, %i0; {} {} mov.b32 %o0, %f2;", b.inputs == 2 ? "mov.b32 %f1, %i1;" : "", b.body),
                         floats(b.inputs), kSpreads[0]));
    all.back().bound = b.bound;
  }
  for (const Half& h : kHalves)
    for (const NamedSpread& spread : kSpreads) {
      all.push_back(scalar(h.instruction, fmt::format("cvt.u16.u32 %h0, %i0; {} %h1, %h0; cvt.u32.u16 %o0, %h1;", h.instruction), {h.draw}, spread));
      all.back().bound = h.bound;
      all.back().min_sm = h.min_sm;
    }
  return all;
}

}  // namespace bsgen::goldens
