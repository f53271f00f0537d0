// mma.sync in every shape and type; layouts of ldmatrix, stmatrix and movmatrix with words that tell their place.
#include <fmt/format.h>

#include "tools/goldgen/cases.h"

namespace bsgen::goldens {
namespace {

struct Mma {
  std::string shape, types;  // "m16n8k16", "f32.bf16.bf16.f32"
  Draw operand, accumulator;
  int a, b, c;  // registers
  int min_sm;
};

std::vector<Mma> float_shapes() {
  std::vector<Mma> made = {
      {"m16n8k8", "f32.f16.f16.f32", Draw::kF16, Draw::kF32, 2, 1, 4, 75},    {"m16n8k8", "f16.f16.f16.f16", Draw::kF16, Draw::kF16, 2, 1, 2, 75},
      {"m16n8k16", "f32.f16.f16.f32", Draw::kF16, Draw::kF32, 4, 2, 4, 80},   {"m16n8k16", "f16.f16.f16.f16", Draw::kF16, Draw::kF16, 4, 2, 2, 80},
      {"m16n8k8", "f32.bf16.bf16.f32", Draw::kBf16, Draw::kF32, 2, 1, 4, 80}, {"m16n8k16", "f32.bf16.bf16.f32", Draw::kBf16, Draw::kF32, 4, 2, 4, 80},
      {"m16n8k4", "f32.tf32.tf32.f32", Draw::kTf32, Draw::kF32, 2, 1, 4, 80}, {"m16n8k8", "f32.tf32.tf32.f32", Draw::kTf32, Draw::kF32, 4, 2, 4, 80}};
  for (const char* a : {"e4m3", "e5m2"})
    for (const char* b : {"e4m3", "e5m2"})  // the drawn widths are those of A; of B's bits every pattern is a number too
      made.push_back({"m16n8k32", fmt::format("f32.{}.{}.f32", a, b), a[1] == '4' ? Draw::kE4m3 : Draw::kE5m2, Draw::kF32, 4, 2, 4, 89});
  return made;
}
// Whole words of drawn bits are every element at once, whatever its width and sign.
std::vector<Mma> integer_shapes() {
  std::vector<Mma> made;
  for (const int bits : {8, 4})
    for (const char a : {'s', 'u'})
      for (const char b : {'s', 'u'})
        for (const char* saturates : {"", "satfinite."}) {
          const std::string types = fmt::format("{}s32.{}{}.{}{}.s32", saturates, a, bits, b, bits);
          made.push_back({fmt::format("m8n8k{}", 128 / bits), types, Draw::kBits, Draw::kBits, 1, 1, 2, 75});
          made.push_back({fmt::format("m16n8k{}", 128 / bits), types, Draw::kBits, Draw::kBits, 2, 1, 4, 80});
          made.push_back({fmt::format("m16n8k{}", 256 / bits), types, Draw::kBits, Draw::kBits, 4, 2, 4, 80});
        }
  for (const char* operation : {"xor", "and"}) {
    const std::string types = fmt::format("s32.b1.b1.s32.{}.popc", operation);
    made.push_back({"m8n8k128", types, Draw::kBits, Draw::kBits, 1, 1, 2, *operation == 'x' ? 75 : 80});
    made.push_back({"m16n8k128", types, Draw::kBits, Draw::kBits, 2, 1, 4, 80});
    made.push_back({"m16n8k256", types, Draw::kBits, Draw::kBits, 4, 2, 4, 80});
  }
  return made;
}
Case multiply(const Mma& m, const NamedSpread& spread) {
  Case made;
  made.name = fmt::format("mma.{}.{}/{}", m.shape, m.types, spread.name);
  made.body = fmt::format("mma.sync.aligned.{}.row.col.{} {}, {}, {}, {};", m.shape, m.types, registers("o", 0, m.c), registers("i", 0, m.a),
                          registers("i", m.a, m.b), registers("i", m.a + m.b, m.c));
  made.inputs.assign(static_cast<std::size_t>(m.a + m.b), m.operand);
  made.inputs.insert(made.inputs.end(), static_cast<std::size_t>(m.c), m.accumulator);
  made.outputs = m.c;
  made.spread = spread.spread;
  made.tiles = 256;
  made.min_sm = m.min_sm;
  return made;
}

Case layout(std::string name, std::string body, int words, int shared_bytes, int min_sm = 75) {
  Case made;
  made.name = std::move(name);
  made.body = std::move(body);
  made.inputs.assign(static_cast<std::size_t>(words), Draw::kIndex);
  made.outputs = words;
  made.tiles = 1;
  made.min_sm = min_sm;
  made.shared_bytes = shared_bytes;
  return made;
}
std::vector<Case> layouts() {
  std::vector<Case> made;
  const std::string stage =
      "shl.b32 %x0, %x31, 2; mov.u32 %x1, tile; add.u32 %x0, %x0, %x1; st.shared.b32 [%x0], %i0; st.shared.b32 [%x0+128], %i1; "
      "st.shared.b32 [%x0+256], %i2; st.shared.b32 [%x0+384], %i3; bar.warp.sync -1; shl.b32 %x2, %x31, 4; add.u32 %x2, %x2, %x1; ";
  for (const char* trans : {"", ".trans"}) {
    made.push_back(layout(fmt::format("ldmatrix.x4{}", trans),
                          stage + fmt::format("ldmatrix.sync.aligned.m8n8.x4{}.shared.b16 {{%o0, %o1, %o2, %o3}}, [%x2];", trans), 4, 512));
    made.push_back(layout(
        fmt::format("stmatrix.x4{}", trans),
        stage + fmt::format("stmatrix.sync.aligned.m8n8.x4{}.shared.b16 [%x2], {{%i0, %i1, %i2, %i3}}; bar.warp.sync -1; ld.shared.b32 %o0, [%x0]; "
                            "ld.shared.b32 %o1, [%x0+128]; ld.shared.b32 %o2, [%x0+256]; ld.shared.b32 %o3, [%x0+384];",
                            trans),
        4, 512, 90));
  }
  made.push_back(layout("movmatrix.trans", "movmatrix.sync.aligned.m8n8.trans.b16 %o0, %i0;", 1, 0));
  made.push_back(layout("shared window", "mov.u32 %o0, tile;", 1, 16));  // undocumented: where it begins
  return made;
}

}  // namespace

std::vector<Case> matrix_cases() {
  std::vector<Case> all = layouts();
  for (const auto& shapes : {float_shapes(), integer_shapes()})
    for (const Mma& m : shapes)
      for (const NamedSpread& spread : kSpreads) all.push_back(multiply(m, spread));
  return all;
}

}  // namespace bsgen::goldens
