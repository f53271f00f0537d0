// mma.sync in every shape and type: fragments filled element by element as the PTX ISA draws them, results from plain sums.
#include <fmt/format.h>

#include <cmath>
#include <random>

#include "runtime/sim/exec/fp_convert.h"
#include "runtime/sim/exec/tensor_core_tile.h"
#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

struct Shape {
  std::string types;  // dtype.atype.btype.ctype, with .satfinite before it where it saturates
  int m, k, bits;     // of an operand
  int arch;
  int accumulator_bits = 32;
  std::string ending = "";  // behind the types
};

// A, B and C as matrices of bit patterns, D the same way.
struct Matrices {
  std::vector<std::uint64_t> a, b, c;  // [row][k], [k][n], [row][n]
};

// Element -> (register, lane, element within): one register holds 32 / bits elements of 4 lanes (f64: one of 4 lanes).
struct Where {
  int reg, lane, element;
};
Where where_a(const Shape& s, int row, int k) {
  const int e = s.bits == 64 ? 1 : 32 / s.bits;
  return {row / 8 + s.m / 8 * (k / (4 * e)), 4 * (row % 8) + k % (4 * e) / e, k % e};
}
Where where_b(const Shape& s, int k, int n) {
  const int e = s.bits == 64 ? 1 : 32 / s.bits;
  return {k / (4 * e), 4 * n + k % (4 * e) / e, k % e};
}
Where where_c(const Shape& s, int row, int n) {
  if (s.accumulator_bits == 16) return {row / 8, 4 * (row % 8) + n / 2, n % 2};
  return {2 * (row / 8) + n % 2, 4 * (row % 8) + n / 2, 0};
}

Launched run_mma(const Shape& s, const Matrices& in, std::vector<std::uint64_t>& d) {
  const int cell = s.bits == 64 ? 64 : 32, per_a = cell / s.bits;
  const int num_a = s.m * s.k / 32 / per_a, num_b = 8 * s.k / 32 / per_a, num_c = s.m * 8 / 32 * s.accumulator_bits / cell;
  const int total = num_a + num_b + 2 * num_c;
  std::vector<std::uint64_t> cells(static_cast<std::size_t>(32 * total));
  const auto at = [&](int first, Where w) -> std::uint64_t& { return cells[static_cast<std::size_t>(w.lane * total + first + w.reg)]; };
  for (int row = 0; row < s.m; ++row)
    for (int k = 0; k < s.k; ++k) {
      const Where w = where_a(s, row, k);
      at(0, w) |= in.a[static_cast<std::size_t>(row * s.k + k)] << (s.bits * w.element);
    }
  for (int k = 0; k < s.k; ++k)
    for (int n = 0; n < 8; ++n) {
      const Where w = where_b(s, k, n);
      at(num_a, w) |= in.b[static_cast<std::size_t>(k * 8 + n)] << (s.bits * w.element);
    }
  for (int row = 0; row < s.m; ++row)
    for (int n = 0; n < 8; ++n) {
      const Where w = where_c(s, row, n);
      at(num_a + num_b, w) |= in.c[static_cast<std::size_t>(row * 8 + n)] << (s.accumulator_bits * w.element);
    }
  const bool is_double = s.bits == 64, f32 = s.types.find("f32.") != std::string::npos && s.types.find("tf32") != 0;
  const std::string word = is_double ? "f64" : "b32", sum = is_double ? "f64" : f32 ? "f32" : "b32";
  std::string body = fmt::format(
      "ld.param.u64 %rd1, [in];\nmov.u32 %r1, %tid.x;\nmul.wide.u32 %rd2, %r1, {};\nadd.s64 %rd1, %rd1, %rd2;\n.reg .{} %a<8>;\n.reg .{} "
      "%b<4>;\n.reg .{} %c<4>;\n.reg .{} %d<4>;\n",
      8 * total, word, word, sum, sum);
  const auto list = [](char name, int count) {
    std::string text = "{";
    for (int i = 0; i < count; ++i) text += fmt::format("{}%{}{}", i == 0 ? "" : ", ", name, i);
    return text + "}";
  };
  for (int i = 0; i < num_a; ++i) body += fmt::format("ld.global.{} %a{}, [%rd1+{}];\n", word, i, 8 * i);
  for (int i = 0; i < num_b; ++i) body += fmt::format("ld.global.{} %b{}, [%rd1+{}];\n", word, i, 8 * (num_a + i));
  for (int i = 0; i < num_c; ++i) body += fmt::format("ld.global.{} %c{}, [%rd1+{}];\n", sum, i, 8 * (num_a + num_b + i));
  body += fmt::format("mma.sync.aligned.m{}n8k{}.row.col.{}{} {}, {}, {}, {};\n", s.m, s.k, s.types, s.ending, list('d', num_c), list('a', num_a),
                      list('b', num_b), list('c', num_c));
  for (int i = 0; i < num_c; ++i) body += fmt::format("st.global.{} [%rd1+{}], %d{};\n", sum, 8 * (num_a + num_b + num_c + i), i);
  auto sim = device(fmt::format("sm_{}", s.arch));
  const auto memory = *sim->allocate(cells.size() * 8);
  REQUIRE(sim->copy_in(memory.address(), std::as_bytes(std::span(cells))).ok());
  Launched launched = launch(*sim, kernel_text(body, ".param .u64 in, .param .u64 out", s.arch), {.threads = 32}, {memory.address(), 0});
  REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(cells)), memory.address()).ok());
  d.assign(static_cast<std::size_t>(s.m * 8), 0);
  const std::uint64_t mask = s.accumulator_bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << s.accumulator_bits) - 1;
  for (int row = 0; row < s.m; ++row)
    for (int n = 0; n < 8; ++n) {
      const Where w = where_c(s, row, n);
      d[static_cast<std::size_t>(row * 8 + n)] = at(num_a + num_b + num_c, w) >> (s.accumulator_bits * w.element) & mask;
    }
  return launched;
}

// Compares with `expected(row, n)` for random operands from `element` and accumulators from `sum`.
template <class Element, class Sum, class Expected>
void compare(const Shape& s, Element element, Sum sum, Expected expected) {
  std::mt19937_64 random(static_cast<unsigned>(s.m * 1000 + s.k * 10 + s.arch));
  Matrices in;
  for (int i = 0; i < s.m * s.k; ++i) in.a.push_back(element(random, true));
  for (int i = 0; i < s.k * 8; ++i) in.b.push_back(element(random, false));
  for (int i = 0; i < s.m * 8; ++i) in.c.push_back(sum(random));
  std::vector<std::uint64_t> d;
  const Launched launched = run_mma(s, in, d);
  INFO(s.types << " m" << s.m << "n8k" << s.k << " sm_" << s.arch << " " << launched.status.message());
  REQUIRE(launched.status.ok());
  int wrong = 0;
  for (int row = 0; row < s.m; ++row)
    for (int n = 0; n < 8; ++n) wrong += d[static_cast<std::size_t>(row * 8 + n)] != expected(in, row, n);
  CHECK(wrong == 0);
}

TEST_CASE("integer_mma_sums_exactly_in_every_shape_and_saturates_where_it_is_told_to") {
  for (const char* a : {"s8", "u8", "s4", "u4"})
    for (const char* b : {"s8", "u8", "s4", "u4"}) {
      if (a[1] != b[1]) continue;
      const int bits = a[1] - '0';
      for (bool saturates : {false, true})
        for (const auto& [m, k] : {std::pair(8, 128 / bits), std::pair(16, 128 / bits), std::pair(16, 256 / bits)}) {
          const Shape s{fmt::format("{}s32.{}.{}.s32", saturates ? "satfinite." : "", a, b), m, k, bits, 80};
          const auto value = [&](std::uint64_t x, const char* type) {
            return type[0] == 's' && (x >> (bits - 1) & 1) ? static_cast<std::int64_t>(x) - (1 << bits) : static_cast<std::int64_t>(x);
          };
          compare(
              s, [&](auto& random, bool) { return random() & ((1u << bits) - 1); },
              [](auto& random) {
                return random() % 3 == 0 ? 0x7fffffff - random() % 500 : random() % 2 == 0 ? 0x80000000 + random() % 500 : random() & 0xffffffff;
              },
              [&, k = k](const Matrices& in, int row, int n) {
                std::int64_t sum = static_cast<std::int32_t>(in.c[static_cast<std::size_t>(row * 8 + n)]);
                for (int i = 0; i < k; ++i)
                  sum += value(in.a[static_cast<std::size_t>(row * k + i)], a) * value(in.b[static_cast<std::size_t>(i * 8 + n)], b);
                if (saturates) sum = sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : sum;
                return static_cast<std::uint64_t>(static_cast<std::uint32_t>(sum));
              });
        }
    }
}

TEST_CASE("1_bit_mma_counts_the_ones_of_xor_or_and_in_every_shape") {
  for (const bool conjunction : {false, true})
    for (const auto& [m, k] : {std::pair(8, 128), std::pair(16, 128), std::pair(16, 256)}) {
      const Shape s{"s32.b1.b1.s32", m, k, 1, 80, 32, conjunction ? ".and.popc" : ".xor.popc"};
      compare(
          s, [](auto& random, bool) { return random() & 1; }, [](auto& random) { return random() & 0xffffffff; },
          [&, k = k](const Matrices& in, int row, int n) {
            std::uint64_t sum = in.c[static_cast<std::size_t>(row * 8 + n)];
            for (int i = 0; i < k; ++i) {
              const std::uint64_t x = in.a[static_cast<std::size_t>(row * k + i)], y = in.b[static_cast<std::size_t>(i * 8 + n)];
              sum += conjunction ? x & y : x ^ y;
            }
            return sum & 0xffffffff;
          });
    }
}

TEST_CASE("fp8_mma_has_its_architectures_arithmetic") {
  using Decode = float (*)(std::uint32_t);
  const std::tuple<const char*, MmaType, Decode> types[] = {{"e4m3", MmaType::kE4m3, &decode<MmaType::kE4m3>},
                                                            {"e5m2", MmaType::kE5m2, &decode<MmaType::kE5m2>}};
  for (const auto& [a, a_type, a_value] : types)
    for (const auto& [b, b_type, b_value] : types)
      for (int k : {16, 32})
        for (bool half : {false, true})
          for (int arch : {89, 90, 100}) {
            const std::string acc = half ? "f16" : "f32";
            const Shape s{fmt::format("{0}.{1}.{2}.{0}", acc, a, b), 16, k, 8, arch, half ? 16 : 32};
            const AccType acc_type = half ? AccType::kF16 : AccType::kF32;
            compare(
                s, [](auto& random, bool) { return random() % 8 == 0 ? random() & 0x87 : random() % 0x78 | (random() & 0x80); },
                [&](auto& random) -> std::uint64_t {
                  const float x = static_cast<float>(static_cast<std::int32_t>(random())) * 0x1p-26f;
                  return half ? f32_to_f16(x) : bits_of(x);
                },
                [&, a_type = a_type, b_type = b_type, a_value = a_value, b_value = b_value](const Matrices& in, int row, int n) -> std::uint64_t {
                  const auto c = static_cast<std::uint32_t>(in.c[static_cast<std::size_t>(row * 8 + n)]);
                  float sum = half ? f16_to_f32(static_cast<std::uint16_t>(c)) : f32_of(c);
                  // Ada: sums of 16 with 13 bits. Hopper: f16 mma, sums of 16 with 25 bits. Blackwell: whole sums with 25 bits.
                  const int step = arch == 100 ? k : 16, fraction = arch == 89 ? 13 : 25;
                  for (int first = 0; first < k; first += step) {
                    float x[32], y[32];
                    for (int i = 0; i < step; ++i) {
                      x[i] = a_value(static_cast<std::uint32_t>(in.a[static_cast<std::size_t>(row * k + first + i)]));
                      y[i] = b_value(static_cast<std::uint32_t>(in.b[static_cast<std::size_t>((first + i) * 8 + n)]));
                    }
                    sum = arch == 90 ? dot_step_mixed(MmaType::kF16, MmaType::kF16, acc_type, x, y, step, sum, fraction)
                                     : dot_step_mixed(a_type, b_type, acc_type, x, y, step, sum, fraction);
                  }
                  return half ? f32_to_f16(sum) : bits_of(sum);
                });
          }
}

TEST_CASE("16_bit_and_tf32_mma_take_every_shape") {
  struct Row {
    const char* name;
    MmaType type;
    float (*value)(std::uint32_t);
    int bits, k, least_arch;
    bool half;
  };
  const Row rows[] = {
      {"f16", MmaType::kF16, &decode<MmaType::kF16>, 16, 8, 75, false},    {"f16", MmaType::kF16, &decode<MmaType::kF16>, 16, 8, 75, true},
      {"f16", MmaType::kF16, &decode<MmaType::kF16>, 16, 16, 80, false},   {"f16", MmaType::kF16, &decode<MmaType::kF16>, 16, 16, 80, true},
      {"bf16", MmaType::kBf16, &decode<MmaType::kBf16>, 16, 8, 80, false}, {"bf16", MmaType::kBf16, &decode<MmaType::kBf16>, 16, 16, 80, false},
      {"tf32", MmaType::kTf32, &decode<MmaType::kTf32>, 32, 4, 80, false}, {"tf32", MmaType::kTf32, &decode<MmaType::kTf32>, 32, 8, 80, false}};
  for (const Row& row_of : rows)
    for (int arch : {75, 80, 90, 120}) {
      if (arch < row_of.least_arch) continue;
      const Shape s{fmt::format("{0}.{1}.{1}.{0}", row_of.half ? "f16" : "f32", row_of.name), 16, row_of.k, row_of.bits, arch, row_of.half ? 16 : 32};
      const AccType acc = row_of.half ? AccType::kF16 : AccType::kF32;
      const auto random_value = [](auto& random) { return static_cast<float>(static_cast<std::int32_t>(random())) * 0x1p-30f; };
      compare(
          s,
          [&](auto& random, bool) -> std::uint64_t {
            const float x = random_value(random);
            return row_of.type == MmaType::kF16 ? f32_to_f16(x) : row_of.type == MmaType::kBf16 ? f32_to_bf16(x) : bits_of(x);
          },
          [&](auto& random) -> std::uint64_t { return row_of.half ? f32_to_f16(random_value(random)) : bits_of(random_value(random)); },
          [&](const Matrices& in, int row, int n) -> std::uint64_t {
            const auto c = static_cast<std::uint32_t>(in.c[static_cast<std::size_t>(row * 8 + n)]);
            float sum = row_of.half ? f16_to_f32(static_cast<std::uint16_t>(c)) : f32_of(c);
            const int whole = arch >= 90 ? 32 : row_of.bits == 32 ? 4 : 8, step = whole < row_of.k ? whole : row_of.k;
            for (int first = 0; first < row_of.k; first += step) {
              float x[16], y[16];
              for (int i = 0; i < step; ++i) {
                x[i] = row_of.value(static_cast<std::uint32_t>(in.a[static_cast<std::size_t>(row * row_of.k + first + i)]));
                y[i] = row_of.value(static_cast<std::uint32_t>(in.b[static_cast<std::size_t>((first + i) * 8 + n)]));
              }
              sum = dot_step(row_of.type, acc, x, y, step, sum, arch >= 90 ? 25 : 24);
            }
            return row_of.half ? f32_to_f16(sum) : bits_of(sum);
          });
    }
}

TEST_CASE("f64_mma_is_a_chain_of_fused_multiply_adds") {
  const auto value = [](std::uint64_t x) { return __builtin_bit_cast(double, x); };
  for (const auto& [m, k, arch] : {std::tuple(8, 4, 80), std::tuple(16, 4, 90), std::tuple(16, 8, 90), std::tuple(16, 16, 90)}) {
    const auto element = [](auto& random, bool) {
      return __builtin_bit_cast(std::uint64_t, static_cast<double>(static_cast<std::int64_t>(random())) * 0x1p-62);
    };
    compare(
        {"f64.f64.f64.f64", m, k, 64, arch, 64}, element, [&](auto& random) { return element(random, true); },
        [&, k = k](const Matrices& in, int row, int n) {
          double sum = value(in.c[static_cast<std::size_t>(row * 8 + n)]);
          for (int i = 0; i < k; ++i)
            sum = std::fma(value(in.a[static_cast<std::size_t>(row * k + i)]), value(in.b[static_cast<std::size_t>(i * 8 + n)]), sum);
          return __builtin_bit_cast(std::uint64_t, sum);
        });
  }
}

}  // namespace
}  // namespace bsgen::sim::test
