// wgmma against the scalar model of the tensor core: every type, swizzle, major and source of A, with tiles laid out element by element.
#include <fmt/format.h>

#include <random>

#include "runtime/sim/exec/fp_convert.h"
#include "runtime/sim/exec/tensor_core_tile.h"
#include "tests/support/catch.h"
#include "tests/unit/sim/wgmma_kernel.h"

namespace bsgen::sim::test {
namespace {

struct Type {
  std::string name;
  MmaType type;
  int bytes;
  float (*decode)(std::uint32_t);
};
const Type kTypes[] = {{"f16", MmaType::kF16, 2, &decode<MmaType::kF16>},
                       {"bf16", MmaType::kBf16, 2, &decode<MmaType::kBf16>},
                       {"tf32", MmaType::kTf32, 4, &decode<MmaType::kTf32>},
                       {"e4m3", MmaType::kE4m3, 1, &decode<MmaType::kE4m3>},
                       {"e5m2", MmaType::kE5m2, 1, &decode<MmaType::kE5m2>}};
const Type& type_of(const std::string& name) {
  for (const Type& type : kTypes)
    if (type.name == name) return type;
  throw std::runtime_error(name);
}

// Bit patterns of ordinary magnitudes, some zeros and subnormals among them.
std::uint32_t random_element(const Type& type, std::mt19937& random) {
  const std::uint32_t kind = random() % 16;
  if (kind == 0) return 0;
  if (type.bytes == 1) return random() % 0x78 | (random() & 0x80);
  const float value = static_cast<float>(static_cast<std::int32_t>(random())) * 0x1p-31f * (kind < 4 ? 0x1p-8f : 1.f);
  if (type.type == MmaType::kF16) return kind == 1 ? random() % 0x400 : f32_to_f16(value);
  return type.type == MmaType::kBf16 ? f32_to_bf16(value) : bits_of(value);
}

std::string run_and_compare(WgmmaCase what, std::uint32_t seed = 1) {
  const std::string d_type = what.types.substr(0, 3), a_name = what.types.substr(4, what.types.find('.', 4) - 4),
                    b_name = what.types.substr(what.types.rfind('.') + 1);
  const Type &ta = type_of(a_name), &tb = type_of(b_name);
  what.a.element_bytes = ta.bytes, what.b.element_bytes = tb.bytes;
  what.a.rows = 64, what.b.rows = what.n;
  what.a.depth = what.b.depth = what.num_steps * 32 / ta.bytes;
  std::mt19937 random(seed);
  std::vector<std::uint32_t> a(static_cast<std::size_t>(64 * what.a.depth)), b(static_cast<std::size_t>(what.n * what.b.depth)),
      d(static_cast<std::size_t>(what.num_threads * d_registers(what)));
  for (std::uint32_t& x : a) x = random_element(ta, random);
  for (std::uint32_t& x : b) x = random_element(tb, random);
  const bool half = d_type == "f16";
  for (std::uint32_t& x : d)
    x = half ? random_element(kTypes[0], random) | random_element(kTypes[0], random) << 16 : random_element(kTypes[2], random);
  const WgmmaRun run = run_wgmma(what, a, b, d);
  if (!run.launched.status.ok()) return run.launched.status.message();
  if (!run.launched.report.diagnostics.empty()) return run.launched.report.diagnostics[0].message;
  const AccType acc = half ? AccType::kF16 : AccType::kF32;
  const int k_step = 32 / ta.bytes, fraction = ta.bytes == 1 ? 13 : 25;
  const auto value = [&](const std::vector<std::uint32_t>& from, Place p) {
    const std::uint32_t word = from[static_cast<std::size_t>(p.thread * d_registers(what) + p.reg)];
    return half ? f16_to_f32(static_cast<std::uint16_t>(word >> (16 * p.half))) : f32_of(word);
  };
  for (int row = 0; row < 64; ++row)
    for (int n = 0; n < what.n; ++n) {
      const Place p = place_of_d(what, row, n);
      float sum = what.accumulate ? value(d, p) : 0.f;
      for (int step = 0; step < what.num_steps; ++step) {
        float x[32], y[32];
        for (int k = 0; k < k_step; ++k) {
          x[k] = ta.decode(a[static_cast<std::size_t>(row * what.a.depth + step * k_step + k)]) * static_cast<float>(what.scale_a);
          y[k] = tb.decode(b[static_cast<std::size_t>(n * what.b.depth + step * k_step + k)]) * static_cast<float>(what.scale_b);
        }
        sum = dot_step_mixed(ta.type, tb.type, acc, x, y, k_step, sum, fraction);
      }
      if (bits_of(value(run.d, p)) != bits_of(sum)) return fmt::format("row {} column {}: {} instead of {}", row, n, value(run.d, p), sum);
    }
  return "ok";
}

TEST_CASE("wgmma_reads_every_swizzle_and_major_where_plain_stores_put_the_elements") {
  for (const char* type : {"bf16", "f16"})
    for (int swizzle_a : {16, 32, 64, 128})
      for (int swizzle_b : {16, 32, 64, 128})
        for (int majors = 0; majors < 4; ++majors) {
          if (type[0] == 'f' && swizzle_a != swizzle_b) continue;
          WgmmaCase what{.types = fmt::format("f32.{0}.{0}", type), .n = 72, .num_steps = 2};
          what.a.swizzle = swizzle_a, what.b.swizzle = swizzle_b;
          what.a.mn_major = majors & 1, what.b.mn_major = majors & 2;
          INFO(type << " swizzle " << swizzle_a << " " << swizzle_b << " majors " << majors);
          CHECK(run_and_compare(what) == "ok");
        }
  for (const char* types : {"f32.tf32.tf32", "f32.e4m3.e4m3", "f32.e5m2.e4m3"})
    for (int swizzle : {16, 32, 64, 128}) {
      WgmmaCase what{.types = types, .n = 40, .num_steps = 4};
      what.a.swizzle = what.b.swizzle = swizzle;
      INFO(types << " swizzle " << swizzle);
      CHECK(run_and_compare(what) == "ok");
    }
}

TEST_CASE("wgmma_has_the_arithmetic_of_its_types_for_every_n") {
  for (const char* types : {"f32.bf16.bf16", "f32.f16.f16", "f16.f16.f16", "f32.tf32.tf32", "f32.e4m3.e4m3", "f32.e4m3.e5m2", "f32.e5m2.e4m3",
                            "f32.e5m2.e5m2", "f16.e4m3.e4m3", "f16.e5m2.e4m3", "f16.e4m3.e5m2", "f16.e5m2.e5m2"})
    for (bool registers : {false, true}) {
      WgmmaCase what{.types = types, .n = 16, .num_steps = 3, .a_from_registers = registers, .accumulate = true};
      INFO(types << (registers ? " a from registers" : ""));
      CHECK(run_and_compare(what, 7) == "ok");
      what.timing = Timing::kLate;
      CHECK(run_and_compare(what, 8) == "ok");
    }
  for (int n = 8; n <= 256; n += 8) {
    INFO("n " << n);
    CHECK(run_and_compare({.n = n, .num_steps = 1}, static_cast<std::uint32_t>(n)) == "ok");
  }
}

TEST_CASE("wgmma_scales_its_operands_by_plus_or_minus_one") {
  for (const char* types : {"f32.bf16.bf16", "f32.tf32.tf32", "f32.e4m3.e5m2", "f16.f16.f16"})
    for (int signs = 0; signs < 4; ++signs) {
      WgmmaCase what{.types = types, .n = 8, .accumulate = true, .scale_a = signs & 1 ? -1 : 1, .scale_b = signs & 2 ? -1 : 1};
      INFO(types << " " << what.scale_a << " " << what.scale_b);
      CHECK(run_and_compare(what) == "ok");
    }
}

TEST_CASE("integer_wgmma_sums_exactly_and_saturates_where_it_is_told_to") {
  for (const char* types : {"s32.s8.s8", "s32.u8.u8", "s32.s8.u8", "s32.u8.s8"})
    for (bool saturates : {false, true})
      for (bool registers : {false, true}) {
        WgmmaCase what{.types = std::string(types) + (saturates ? ".satfinite" : ""),
                       .n = 24,
                       .num_steps = 2,
                       .a_from_registers = registers,
                       .accumulate = true};
        what.a = {.rows = 64, .depth = 64, .element_bytes = 1}, what.b = {.rows = 24, .depth = 64, .element_bytes = 1};
        std::mt19937 random(5);
        std::vector<std::uint32_t> a(64 * 64), b(24 * 64), d(static_cast<std::size_t>(128 * d_registers(what)));
        for (std::uint32_t& x : a) x = random() & 0xff;
        for (std::uint32_t& x : b) x = random() & 0xff;
        for (std::size_t i = 0; i < d.size(); ++i)
          d[i] = i % 3 == 0 ? 0x7fffffff - random() % 1000 : i % 3 == 1 ? 0x80000000 + random() % 1000 : static_cast<std::uint32_t>(random());
        const WgmmaRun run = run_wgmma(what, a, b, d);
        INFO(what.types << " " << run.launched.status.message());
        REQUIRE(run.launched.status.ok());
        const auto value = [](std::uint32_t x, char sign) {
          return sign == 's' ? std::int64_t{static_cast<std::int8_t>(x)} : std::int64_t{x & 0xff};
        };
        int wrong = 0;
        for (int row = 0; row < 64; ++row)
          for (int n = 0; n < 24; ++n) {
            const Place p = place_of_d(what, row, n);
            const auto at = static_cast<std::size_t>(p.thread * d_registers(what) + p.reg);
            std::int64_t sum = static_cast<std::int32_t>(d[at]);
            for (int step = 0; step < 2; ++step) {
              for (int k = 32 * step; k < 32 * step + 32; ++k)
                sum += value(a[static_cast<std::size_t>(row * 64 + k)], types[4]) * value(b[static_cast<std::size_t>(n * 64 + k)], types[7]);
              sum = saturates ? std::clamp<std::int64_t>(sum, INT32_MIN, INT32_MAX) : static_cast<std::int32_t>(static_cast<std::uint32_t>(sum));
            }
            wrong += run.d[at] != static_cast<std::uint32_t>(sum);
          }
        CHECK(wrong == 0);
      }
}

}  // namespace
}  // namespace bsgen::sim::test
