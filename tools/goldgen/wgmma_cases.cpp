// wgmma: every type over three spreads, and every way in which operands can lie: four swizzles, both majors, A from registers.
//
// The operands are drawn words, so any words will do as a tile: the warpgroup writes shared memory full, and the descriptors say
// which of them is which element. A lies at the start, B 8 KiB behind it; both begin at a multiple of 1024 bytes.
#include <fmt/format.h>

#include "tools/goldgen/cases.h"

namespace bsgen::goldens {
namespace {

constexpr int kThreads = 128, kBytesA = 8192;

enum Swizzle { kNone, k128B, k64B, k32B };  // the descriptor's own numbers
const char* const kSwizzleNames[] = {"none", "128B", "64B", "32B"};

struct Multiply {
  std::string types;  // dtype.atype.btype, "f32.bf16.bf16"
  Draw operand, accumulator;
  int operand_bits;
  int n = 64;
  Swizzle swizzle = k128B;
  bool a_registers = false, a_transposed = false, b_transposed = false, accumulates = true;
  int scale_a = 1, scale_b = 1;
};

// Everything of a descriptor but the address (PTX ISA, "Matrix Descriptor Format"); strides of tiles that are dense in each pattern.
std::uint64_t descriptor(Swizzle swizzle, bool mn_major) {
  const std::uint64_t row = swizzle == k128B ? 128 : swizzle == k64B ? 64 : swizzle == k32B ? 32 : 16, pattern = 8 * row;
  std::uint64_t leading, stride;
  if (swizzle == kNone) {
    leading = 1024, stride = 128;
  } else if (mn_major) {
    leading = pattern, stride = 1024;  // M or N of 64 elements of 16 bits are 128 bytes: one to four patterns
  } else {
    leading = 16, stride = pattern;
  }
  return leading >> 4 << 16 | stride >> 4 << 32 | static_cast<std::uint64_t>(swizzle) << 62;
}

Case wgmma(const Multiply& m, const NamedSpread& spread, const std::string& what) {
  const int shared_bytes = kBytesA + m.n * 128, image_words = shared_bytes / 4 / kThreads;
  const int sums = m.types.starts_with("f16") ? m.n / 4 : m.n / 2;
  const bool integer = m.types[0] == 's';
  Case made;
  made.name = fmt::format("wgmma.n{}.{}/{}{}", m.n, m.types, what, spread.name);
  made.inputs.assign(static_cast<std::size_t>(image_words + (m.a_registers ? 4 : 0)), m.operand);
  if (m.accumulates) made.inputs.insert(made.inputs.end(), static_cast<std::size_t>(sums), m.accumulator);
  made.outputs = sums;
  made.spread = spread.spread;
  made.tiles = 8;
  made.threads = kThreads;
  made.min_sm = made.max_sm = 90;
  made.own_arch = true;
  made.shared_bytes = shared_bytes;

  // f32 sums have registers of their own type; packed and integer ones are the outputs themselves.
  const bool is_float = m.types.starts_with("f32");
  const char* const sum = is_float ? "s" : "o";
  const int first_sum = image_words + (m.a_registers ? 4 : 0);
  std::string& body = made.body;
  if (is_float) body += fmt::format(".reg .f32 %s<{}>;\n", sums);
  body += "mov.u32 %x0, tile;\nshl.b32 %x1, %x31, 2;\nadd.u32 %x1, %x1, %x0;\n";
  for (int i = 0; i < image_words; ++i) body += fmt::format("st.shared.b32 [%x1+{}], %i{};\n", i * kThreads * 4, i);
  for (int i = 0; i < sums; ++i)
    body += m.accumulates ? fmt::format("mov.b32 %{}{}, %i{};\n", sum, i, first_sum + i) : fmt::format("mov.b32 %{}{}, 0;\n", sum, i);
  body += "fence.proxy.async.shared::cta;\nbar.sync 0;\n";
  body += fmt::format("cvt.u64.u32 %d0, %x0;\nshr.u64 %d0, %d0, 4;\nadd.s64 %d1, %d0, {};\nor.b64 %d0, %d0, {:#x};\nor.b64 %d1, %d1, {:#x};\n",
                      kBytesA / 16, descriptor(m.swizzle, m.a_transposed), descriptor(m.swizzle, m.b_transposed));
  body += fmt::format("setp.ne.u32 %p0, {}, 0;\nwgmma.fence.sync.aligned;\n", m.accumulates ? 1 : 0);
  body += fmt::format("wgmma.mma_async.sync.aligned.m64n{}k{}.{} {}, {}, %d1, %p0", m.n, 256 / m.operand_bits, m.types, registers(sum, 0, sums),
                      m.a_registers ? registers("i", image_words, 4) : "%d0");
  if (!integer) body += fmt::format(", {}, {}", m.scale_a, m.scale_b);
  if (m.operand_bits == 16 && !m.a_registers) body += m.a_transposed ? ", 1" : ", 0";
  if (m.operand_bits == 16) body += m.b_transposed ? ", 1" : ", 0";
  body += ";\nwgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned 0;\n";
  if (is_float)
    for (int i = 0; i < sums; ++i) body += fmt::format("mov.b32 %o{}, %s{};\n", i, i);
  return made;
}

// Every type as dtype.atype.btype.
std::vector<Multiply> types() {
  std::vector<Multiply> made = {{"f32.f16.f16", Draw::kF16, Draw::kF32, 16},
                                {"f16.f16.f16", Draw::kF16, Draw::kF16, 16},
                                {"f32.bf16.bf16", Draw::kBf16, Draw::kF32, 16},
                                {"f32.tf32.tf32", Draw::kTf32, Draw::kF32, 32}};
  for (const char* result : {"f32", "f16"})
    for (const char* a : {"e4m3", "e5m2"})
      for (const char* b : {"e4m3", "e5m2"})
        made.push_back(
            {fmt::format("{}.{}.{}", result, a, b), a[1] == '4' ? Draw::kE4m3 : Draw::kE5m2, result[1] == '3' ? Draw::kF32 : Draw::kF16, 8});
  for (const char* a : {"s8", "u8"})
    for (const char* b : {"s8", "u8"}) made.push_back({fmt::format("s32.{}.{}", a, b), Draw::kBits, Draw::kBits, 8});
  return made;
}

}  // namespace

std::vector<Case> wgmma_cases() {
  std::vector<Case> all;
  for (const Multiply& type : types())
    for (const NamedSpread& spread : kSpreads)
      for (const bool a_registers : {false, true}) {
        Multiply m = type;
        m.a_registers = a_registers;
        all.push_back(wgmma(m, spread, a_registers ? "A registers, " : ""));
      }
  // Where operands lie does not depend on how large they are.
  const NamedSpread& normal = kSpreads[0];
  for (const Multiply& type : types()) {
    if (type.types != "f32.bf16.bf16" && type.types != "f32.tf32.tf32" && type.types != "s32.s8.s8") continue;
    for (const Swizzle swizzle : {kNone, k128B, k64B, k32B})
      for (int majors = 0; majors < (type.operand_bits == 16 ? 4 : 1); ++majors)
        for (const bool a_registers : {false, true}) {
          Multiply m = type;
          m.swizzle = swizzle;
          m.a_transposed = majors & 1;
          m.b_transposed = majors & 2;
          m.a_registers = a_registers;
          if (a_registers && m.a_transposed) continue;
          all.push_back(wgmma(m, normal,
                              fmt::format("{}{}{}{}, ", kSwizzleNames[swizzle], m.a_registers ? ", A registers" : "",
                                          m.a_transposed ? ", A by columns" : "", m.b_transposed ? ", B by rows" : "")));
        }
  }
  for (const int n : {8, 24, 256}) {
    Multiply m = types()[2];
    m.n = n;
    m.accumulates = n != 256;
    all.push_back(wgmma(m, normal, m.accumulates ? "" : "from zero, "));
  }
  for (const auto& [a, b] : {std::pair(-1, 1), std::pair(1, -1), std::pair(-1, -1)}) {
    Multiply m = types()[0];
    m.scale_a = a;
    m.scale_b = b;
    for (const NamedSpread& spread : kSpreads) all.push_back(wgmma(m, spread, fmt::format("scales {} and {}, ", a, b)));
  }
  return all;
}

}  // namespace bsgen::goldens
