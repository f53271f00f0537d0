#include "tools/goldgen/cases.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/support/hash.h"

namespace bsgen::goldens {
namespace {

std::string list(const char* prefix, int first, int count) {
  std::string text = "{";
  for (int i = 0; i < count; ++i) text += fmt::format("{}%{}{}", i ? ", " : "", prefix, first + i);
  return text + "}";
}
std::vector<Draw> words(std::initializer_list<std::pair<Draw, int>> parts) {
  std::vector<Draw> all;
  for (const auto& [draw, count] : parts) all.insert(all.end(), static_cast<std::size_t>(count), draw);
  return all;
}

// mma: fragments straight from the words.
struct Mma {
  const char *shape, *types;  // "m16n8k16", "f32.bf16.bf16.f32"
  Draw operand, accumulator;
  int a, b, c;                // registers
  int min_sm, max_sm;
};
const Mma kMmas[] = {
    {"m16n8k8", "f32.f16.f16.f32", Draw::kF16, Draw::kF32, 2, 1, 4, 75, 9999},
    {"m16n8k8", "f16.f16.f16.f16", Draw::kF16, Draw::kF16, 2, 1, 2, 75, 9999},
    {"m16n8k16", "f32.f16.f16.f32", Draw::kF16, Draw::kF32, 4, 2, 4, 80, 9999},
    {"m16n8k16", "f16.f16.f16.f16", Draw::kF16, Draw::kF16, 4, 2, 2, 80, 9999},
    {"m16n8k8", "f32.bf16.bf16.f32", Draw::kBf16, Draw::kF32, 2, 1, 4, 80, 9999},
    {"m16n8k16", "f32.bf16.bf16.f32", Draw::kBf16, Draw::kF32, 4, 2, 4, 80, 9999},
    {"m16n8k4", "f32.tf32.tf32.f32", Draw::kTf32, Draw::kF32, 2, 1, 4, 80, 9999},
    {"m16n8k8", "f32.tf32.tf32.f32", Draw::kTf32, Draw::kF32, 4, 2, 4, 80, 9999},
    {"m16n8k32", "f32.e4m3.e4m3.f32", Draw::kE4m3, Draw::kF32, 4, 2, 4, 89, 9999},
    {"m16n8k32", "f32.e5m2.e5m2.f32", Draw::kE5m2, Draw::kF32, 4, 2, 4, 89, 9999},
};

struct Operation {
  const char* name;
  const char* body;
  std::vector<Draw> inputs;
  int min_sm = 75, ulps = 0;
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
      {"ex2.approx.f32", "ex2.approx.f32 %o0, %i0;", f(1), 75, 2},
      {"ex2.approx.ftz.f32", "ex2.approx.ftz.f32 %o0, %i0;", f(1), 75, 2},
      {"lg2.approx.f32", "lg2.approx.f32 %o0, %i0;", f(1), 75, 4},
      {"rcp.approx.ftz.f32", "rcp.approx.ftz.f32 %o0, %i0;", f(1), 75, 1},
      {"rsqrt.approx.f32", "rsqrt.approx.f32 %o0, %i0;", f(1), 75, 2},
      {"sqrt.approx.f32", "sqrt.approx.f32 %o0, %i0;", f(1), 75, 4},
      {"div.full.f32", "div.full.f32 %o0, %i0, %i1;", f(2), 75, 2},
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

// Layouts, with words that tell their place.
std::vector<Case> layouts() {
  std::vector<Case> made;
  const std::string stage = "shl.b32 %x0, %x31, 2; mov.u32 %x1, tile; add.u32 %x0, %x0, %x1; st.shared.b32 [%x0], %i0; st.shared.b32 [%x0+128], %i1; st.shared.b32 [%x0+256], %i2; "
                            "st.shared.b32 [%x0+384], %i3; bar.warp.sync -1; shl.b32 %x2, %x31, 4; add.u32 %x2, %x2, %x1; ";
  const std::vector<Draw> four(4, Draw::kIndex);
  for (const char* trans : {"", ".trans"})
    made.push_back({.name = fmt::format("ldmatrix.x4{}", trans), .body = stage + fmt::format("ldmatrix.sync.aligned.m8n8.x4{}.shared.b16 {{%o0, %o1, %o2, %o3}}, [%x2];", trans),
                    .inputs = four, .outputs = 4, .tiles = 1, .shared_bytes = 512});
  for (const char* trans : {"", ".trans"})
    made.push_back({.name = fmt::format("stmatrix.x4{}", trans),
                    .body = stage + fmt::format("stmatrix.sync.aligned.m8n8.x4{}.shared.b16 [%x2], {{%i0, %i1, %i2, %i3}}; bar.warp.sync -1; "
                                                "ld.shared.b32 %o0, [%x0]; ld.shared.b32 %o1, [%x0+128]; ld.shared.b32 %o2, [%x0+256]; ld.shared.b32 %o3, [%x0+384];", trans),
                    .inputs = four, .outputs = 4, .tiles = 1, .min_sm = 90, .shared_bytes = 512});
  made.push_back({.name = "movmatrix.trans", .body = "movmatrix.sync.aligned.m8n8.trans.b16 %o0, %i0;", .inputs = {Draw::kIndex}, .tiles = 1});
  // Undocumented: where the shared window begins.
  made.push_back({.name = "shared window", .body = "mov.u32 %o0, tile;", .inputs = {Draw::kIndex}, .tiles = 1, .shared_bytes = 16});
  return made;
}

// One word per (case, word, tile, lane): the halves of an XXH3 of the place.
std::uint64_t drawn(const std::string& name, std::uint64_t place) {
  const Hash128 hash = hash_text(fmt::format("{}#{}", name, place));
  return hash.low;
}

// A float of `exponent_bits` and `mantissa_bits` from 64 drawn bits.
std::uint32_t draw_float(std::uint64_t bits, int exponent_bits, int mantissa_bits, Spread spread) {
  const std::uint32_t most = (1u << exponent_bits) - 1, bias = most >> 1, sign = static_cast<std::uint32_t>(bits & 1) << (exponent_bits + mantissa_bits);
  const auto mantissa = static_cast<std::uint32_t>(bits >> 8) & ((1u << mantissa_bits) - 1);
  const auto pick = static_cast<std::uint32_t>(bits >> 40);
  std::uint32_t exponent = bias - 2 + pick % 5;
  if (exponent >= most) exponent = most - 1;
  if (spread == Spread::kWide) exponent = 1 + pick % (most - 1);
  if (spread == Spread::kEdge) {
    const std::uint32_t which = pick / 8 % 16;
    if (which < 5) return sign;                                   // zero
    if (which < 8) return sign | mantissa;                        // subnormal
    if (which < 11) return sign | (most - 1) << mantissa_bits | mantissa;  // huge
    if (which == 11) return sign | most << mantissa_bits;         // infinity (NaN or a number in e4m3)
    if (which == 12) return sign | most << mantissa_bits | mantissa;
  }
  return sign | exponent << mantissa_bits | mantissa;
}

std::uint32_t draw_word(const Case& c, Draw draw, std::uint64_t place) {
  if (draw == Draw::kIndex) return static_cast<std::uint32_t>(place) * 2 | (static_cast<std::uint32_t>(place) * 2 + 1) << 16;
  const auto element = [&](int part, int exponent_bits, int mantissa_bits) { return draw_float(drawn(c.name, place * 4 + static_cast<std::uint64_t>(part)), exponent_bits, mantissa_bits, c.spread); };
  switch (draw) {
    case Draw::kF32: return element(0, 8, 23);
    case Draw::kTf32: return element(0, 8, 23);
    case Draw::kF16: return element(0, 5, 10) | element(1, 5, 10) << 16;
    case Draw::kBf16: return element(0, 8, 7) | element(1, 8, 7) << 16;
    case Draw::kE4m3: return element(0, 4, 3) | element(1, 4, 3) << 8 | element(2, 4, 3) << 16 | element(3, 4, 3) << 24;
    case Draw::kE5m2: return element(0, 5, 2) | element(1, 5, 2) << 8 | element(2, 5, 2) << 16 | element(3, 5, 2) << 24;
    default: break;
  }
  // Integers: small ones as often as any, for shifts and fields.
  const std::uint64_t bits = drawn(c.name, place * 4);
  return static_cast<std::uint32_t>(bits) >> (bits >> 40) % 32;
}

}  // namespace

std::vector<Case> cases_for(const Arch& arch) {
  std::vector<Case> all;
  const struct { Spread spread; const char* name; } spreads[] = {{Spread::kNormal, "normal"}, {Spread::kWide, "wide"}, {Spread::kEdge, "edge"}};
  for (const Mma& m : kMmas)
    for (const auto& s : spreads)
      all.push_back({.name = fmt::format("mma.{}.{}/{}", m.shape, m.types, s.name),
                     .body = fmt::format("mma.sync.aligned.{}.row.col.{} {}, {}, {}, {};", m.shape, m.types, list("o", 0, m.c), list("i", 0, m.a),
                                         m.b == 1 ? fmt::format("{{%i{}}}", m.a) : list("i", m.a, m.b), list("i", m.a + m.b, m.c)),
                     .inputs = words({{m.operand, m.a + m.b}, {m.accumulator, m.c}}), .outputs = m.c, .spread = s.spread, .tiles = 256,
                     .min_sm = m.min_sm, .max_sm = m.max_sm});
  for (const Operation& op : operations())
    for (const auto& s : spreads)
      all.push_back({.name = fmt::format("{}/{}", op.name, s.name), .body = op.body, .inputs = op.inputs, .spread = s.spread, .tiles = 128, .min_sm = op.min_sm, .ulps = op.ulps});
  for (Case& c : layouts()) all.push_back(std::move(c));
  std::vector<Case> able;
  for (Case& c : all) {
    const bool plain = std::all_of(c.inputs.begin(), c.inputs.end(), [](Draw d) { return d == Draw::kBits || d == Draw::kIndex; });
    if (plain && c.spread != Spread::kNormal) continue;  // spreads are about floats
    if (arch.number >= c.min_sm && arch.number <= c.max_sm) able.push_back(std::move(c));
  }
  return able;
}

std::string kernel_of(const Case& c, const Arch& arch) {
  const auto inputs = static_cast<int>(c.inputs.size());
  std::string text = fmt::format(".version {}\n.target {}\n.address_size 64\n", arch.number >= 100 ? "8.7" : arch.number >= 89 ? "8.4" : "7.8", arch.name());
  text += ".visible .entry k(.param .u64 in, .param .u64 out) {\n";
  text += fmt::format(".reg .b32 %i<{}>, %o<{}>, %x<32>, %r<8>;\n.reg .f32 %f<32>;\n.reg .b16 %h<32>;\n.reg .pred %p<32>;\n.reg .b64 %d<8>, %rd<8>;\n", inputs + 1, c.outputs + 1);
  if (c.shared_bytes > 0) text += fmt::format(".shared .align 128 .b8 tile[{}];\n", c.shared_bytes);
  text += "ld.param.u64 %rd0, [in];\nld.param.u64 %rd1, [out];\nmov.u32 %r0, %ctaid.x;\nmov.u32 %x31, %tid.x;\n";
  text += fmt::format("mad.lo.s32 %r1, %r0, {}, %x31;\nmad.wide.u32 %rd2, %r1, 4, %rd0;\n", inputs * 32);
  text += fmt::format("mad.lo.s32 %r2, %r0, {}, %x31;\nmad.wide.u32 %rd3, %r2, 4, %rd1;\n", c.outputs * 32);
  for (int i = 0; i < inputs; ++i) text += fmt::format("ld.global.b32 %i{}, [%rd2+{}];\n", i, i * 128);
  text += c.body + "\n";
  for (int i = 0; i < c.outputs; ++i) text += fmt::format("st.global.b32 [%rd3+{}], %o{};\n", i * 128, i);
  return text + "ret;\n}\n";
}

std::vector<std::uint32_t> inputs_of(const Case& c) {
  const std::size_t count = c.inputs.size();
  std::vector<std::uint32_t> all(static_cast<std::size_t>(c.tiles) * count * 32);
  for (std::size_t place = 0; place < all.size(); ++place) all[place] = draw_word(c, c.inputs[place / 32 % count], place);
  return all;
}

}  // namespace bsgen::goldens
