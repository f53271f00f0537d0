// The mma functions of every instruction set against the scalar model, and where fragments keep
// what.
#include "runtime/sim/exec/tensor_core.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <random>

#include "runtime/sim/exec/fp_convert.h"
#include "runtime/sim/exec/tensor_core_bench.h"
#include "tests/support/catch.h"
#include "tests/unit/sim_math/mma_tile.h"

namespace bsgen::sim {
namespace {

const int kArchs[] = {75, 80, 89, 90, 100};

// What operands and accumulators are drawn from.
enum class Inputs { kNormal, kWide, kZeros, kSubnormal, kSpecial, kCancel, kExtreme };
constexpr Inputs kAllInputs[] = {Inputs::kNormal,    Inputs::kWide,    Inputs::kZeros,
                                 Inputs::kSubnormal, Inputs::kSpecial, Inputs::kCancel,
                                 Inputs::kExtreme};

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  std::uint32_t element(MmaType type, Inputs inputs) {
    const OperandFormat f = format_of(type);
    const std::uint32_t raw = static_cast<std::uint32_t>(random_()) >> (32 - f.bits);
    switch (inputs) {
      case Inputs::kNormal:
        return encode_as(type, normal());
      case Inputs::kWide:
        return encode_as(type,
                         std::ldexp(normal(), pick(-f.exponent_bits * 4, f.exponent_bits * 4)));
      case Inputs::kZeros:
        return pick(0, 2)
                   ? 0
                   : encode_as(type,
                               std::ldexp(normal(), pick(0, 1) * (f.exponent_bits == 8 ? 60 : 7)));
      case Inputs::kSubnormal:
        return raw &
               (1u << (f.bits - 1) | ((2u << f.mantissa_bits) - 1) << (f.bits == 32 ? 13 : 0));
      case Inputs::kSpecial:
        return pick(0, 15) ? encode_as(type, normal()) : special(type);
      case Inputs::kCancel:
        return encode_as(type, static_cast<float>(pick(-2, 2)));
      case Inputs::kExtreme:
        return pick(0, 3) ? raw | 3u << (f.mantissa_bits + (f.bits == 32 ? 13 : 0)) : raw;
    }
    return 0;
  }
  std::uint32_t accumulator(AccType acc, Inputs inputs) {
    if (acc == AccType::kF16) return element(MmaType::kF16, inputs);
    if (inputs == Inputs::kNormal || inputs == Inputs::kCancel) return bits_of(normal() * 4);
    return pick(0, 3) ? bits_of(std::ldexp(normal(), pick(-149, 100)))
                      : element(MmaType::kTf32, inputs) ^ static_cast<std::uint32_t>(pick(0, 1));
  }

 private:
  float normal() { return normal_(random_); }
  int pick(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
  std::uint32_t special(MmaType type) {
    const float values[] = {INFINITY, -INFINITY, f32_of(kNanF32), 0.f};
    return encode_as(type, values[pick(0, 3)]);
  }

  std::mt19937 random_;
  std::normal_distribution<float> normal_;
};

void fill(MmaTile& tile, Generator& generator, Inputs inputs) {
  const MmaShape& s = tile.shape();
  for (int row = 0; row < 16; ++row) {
    for (int k = 0; k < s.k; ++k) tile.set_a(row, k, generator.element(s.a, inputs));
    for (int n = 0; n < 8; ++n) tile.set_c(row, n, generator.accumulator(s.acc, inputs));
  }
  for (int k = 0; k < s.k; ++k) {
    for (int n = 0; n < 8; ++n) tile.set_b(k, n, generator.element(s.b, inputs));
  }
}

TEST_CASE("every_instruction_set_gives_the_bits_of_the_scalar_model") {
  long outputs = 0;
  for (const MmaShape& shape : all_mma_shapes()) {
    for (const int arch : kArchs) {
      const TensorCoreModel model = tensor_core_model({arch});
      for (const Inputs inputs : kAllInputs) {
        Generator generator(1000 * arch + static_cast<int>(inputs));
        for (int round = 0; round < 24; ++round) {
          MmaTile tile(shape);
          fill(tile, generator, inputs);
          std::uint32_t expected[16][8];
          for (int i = 0; i < 128; ++i)
            expected[i / 8][i % 8] = tile.expected_bits(i / 8, i % 8, model);
          for (const Isa isa : available_isas()) {
            tile.run(isa, model);
            for (int i = 0; i < 128; ++i, ++outputs) {
              const int row = i / 8, n = i % 8;
              if (tile.d_bits(row, n) == expected[row][n]) continue;
              FAIL(fmt::format(
                  "{} sm_{} inputs {} on {}: row {} column {} is {:08x}, the model gives {:08x}",
                  describe(shape), arch, static_cast<int>(inputs), name(isa), row, n,
                  tile.d_bits(row, n), expected[row][n]));
            }
          }
        }
      }
    }
  }
  CHECK((outputs >= 1'000'000 || available_isas().size() < 3));
}

TEST_CASE("unit_matrices_show_every_fragment_element") {
  for (const MmaShape& shape : all_mma_shapes()) {
    for (const Isa isa : available_isas()) {
      const TensorCoreModel model = tensor_core_model({80});
      // A = e_row e_k^T and B = e_k e_n^T have one product, at (row, n).
      for (int row = 0; row < 16; ++row) {
        for (int k = 0; k < shape.k; ++k) {
          const int n = (row + k) % 8;
          MmaTile tile(shape);
          tile.set_a(row, k, encode_as(shape.a, 2.f));
          tile.set_b(k, n, encode_as(shape.b, 1.5f));
          tile.run(isa, model);
          for (int i = 0; i < 128; ++i) {
            const std::uint32_t bits = tile.d_bits(i / 8, i % 8);
            const float value = shape.acc == AccType::kF16
                                    ? f16_to_f32(static_cast<std::uint16_t>(bits))
                                    : f32_of(bits);
            const float expected = i / 8 == row && i % 8 == n ? 3.f : 0.f;
            if (value != expected)
              FAIL(describe(shape)
                   << " on " << name(isa) << ": " << value << " at " << i / 8 << ", " << i % 8);
          }
        }
      }
    }
  }
}

// Registers written out by hand from the PTX ISA's fragment figures, not through the index
// functions that the code uses.
TEST_CASE("fragments_follow_the_ptx_isa") {
  const TensorCoreModel model = tensor_core_model({80});
  for (const Isa isa : available_isas()) {
    alignas(64) std::uint32_t a[4][32] = {}, b[2][32] = {}, c[4][32] = {}, d[4][32] = {};
    const Lanes pa[4] = {a[0], a[1], a[2], a[3]}, pb[2] = {b[0], b[1]},
                pc[4] = {c[0], c[1], c[2], c[3]};
    const MutableLanes pd[4] = {d[0], d[1], d[2], d[3]};
    // m16n8k16: a3's upper half of thread 13 is A(row 13 / 4 + 8 = 11, k = 2 * 1 + 8 + 1 = 11);
    // b1's upper half of thread 21 is B(k = 11, n = 5); c2, c3 hold row 11: thread 14 has columns 4
    // and 5.
    a[3][13] = 0x3f80u << 16;
    b[1][21] = 0x4040u << 16;
    c[3][14] = bits_of(0.5f);
    mma_function({MmaType::kBf16, MmaType::kBf16, AccType::kF32, 16}, isa)(pa, pb, pc, pd, model);
    for (int reg = 0; reg < 4; ++reg) {
      for (int lane = 0; lane < 32; ++lane) {
        INFO(name(isa) << " register " << reg << " thread " << lane);
        CHECK(f32_of(d[reg][lane]) == (reg == 3 && lane == 14 ? 3.5f : 0.f));
      }
    }
    // m16n8k8 tf32: a1 of thread 6 is A(row 6 / 4 + 8 = 9, k = 2), b0 of thread 30 is B(k = 2, n =
    // 7).
    for (auto& reg : a) std::fill(std::begin(reg), std::end(reg), 0);
    for (auto& reg : b) std::fill(std::begin(reg), std::end(reg), 0);
    for (auto& reg : c) std::fill(std::begin(reg), std::end(reg), 0);
    a[1][6] = bits_of(2.f);
    b[0][30] = bits_of(5.f);
    mma_function({MmaType::kTf32, MmaType::kTf32, AccType::kF32, 8}, isa)(pa, pb, pc, pd, model);
    CHECK(f32_of(d[3][7]) == 10.f);  // row 9, column 7: c3 of thread 4 * 1 + 3
  }
}

TEST_CASE("d_may_be_c") {
  const TensorCoreModel model = tensor_core_model({80});
  for (const MmaShape& shape : all_mma_shapes()) {
    for (const Isa isa : available_isas()) {
      Generator generator(7);
      alignas(64) std::uint32_t a[4][32], b[2][32], c[4][32], d[4][32];
      for (auto& reg : a)
        for (auto& lane : reg) lane = generator.element(MmaType::kTf32, Inputs::kSpecial);
      for (auto& reg : b)
        for (auto& lane : reg) lane = generator.element(MmaType::kTf32, Inputs::kNormal);
      for (auto& reg : c)
        for (auto& lane : reg) lane = generator.element(MmaType::kTf32, Inputs::kNormal);
      const Lanes pa[4] = {a[0], a[1], a[2], a[3]}, pb[2] = {b[0], b[1]},
                  pc[4] = {c[0], c[1], c[2], c[3]};
      const MutableLanes pd[4] = {d[0], d[1], d[2], d[3]}, in_place[4] = {c[0], c[1], c[2], c[3]};
      const MmaFunction mma = mma_function(shape, isa);
      mma(pa, pb, pc, pd, model);
      mma(pa, pb, pc, in_place, model);
      const int registers = shape.acc == AccType::kF16 ? 2 : 4;
      for (int reg = 0; reg < registers; ++reg)
        CHECK(std::equal(std::begin(c[reg]), std::end(c[reg]), d[reg]));
    }
  }
}

TEST_CASE("only_combinations_that_ptx_has_exist") {
  using enum MmaType;
  for (const Isa isa : available_isas()) {
    for (const MmaShape& shape : all_mma_shapes()) CHECK(mma_function(shape, isa) != nullptr);
    for (const MmaShape& shape :
         {MmaShape{kBf16, kBf16, AccType::kF16, 16}, MmaShape{kBf16, kF16, AccType::kF32, 16},
          MmaShape{kTf32, kTf32, AccType::kF32, 16}, MmaShape{kTf32, kTf32, AccType::kF16, 8},
          MmaShape{kF16, kF16, AccType::kF32, 32}, MmaShape{kE4m3, kF16, AccType::kF32, 32}}) {
      CHECK(mma_function(shape, isa) == nullptr);
    }
  }
}

// Hopper aligns all sixteen products at once, so their order cannot matter; Ampere's two halves
// each have the same freedom.
TEST_CASE("permuting_k_inside_one_step_changes_no_bit") {
  std::mt19937 random(5);
  for (const int arch : {80, 90}) {
    const TensorCoreModel model = tensor_core_model({arch});
    for (const MmaShape& shape : all_mma_shapes()) {
      const int step = step_of(shape.a, model, shape.k);
      for (const Inputs inputs : kAllInputs) {
        Generator generator(11 + static_cast<int>(inputs));
        for (int round = 0; round < 4; ++round) {
          MmaTile tile(shape), permuted(shape);
          fill(tile, generator, inputs);
          for (int i = 0; i < 128; ++i) {
            const float c = tile.c(i / 8, i % 8);
            permuted.set_c(i / 8, i % 8, shape.acc == AccType::kF16 ? f32_to_f16(c) : bits_of(c));
          }
          std::vector<int> order(shape.k);
          for (int k = 0; k < shape.k; ++k) order[k] = k;
          for (int k = 0; k < shape.k; k += step)
            std::shuffle(order.begin() + k, order.begin() + k + step, random);
          for (int k = 0; k < shape.k; ++k) {
            for (int row = 0; row < 16; ++row)
              permuted.set_a(row, order[k], encode_as(shape.a, tile.a(row, k)));
            for (int n = 0; n < 8; ++n)
              permuted.set_b(order[k], n, encode_as(shape.b, tile.b(k, n)));
          }
          tile.run(best_isa(), model);
          permuted.run(best_isa(), model);
          for (int i = 0; i < 128; ++i) {
            if (tile.d_bits(i / 8, i % 8) != permuted.d_bits(i / 8, i % 8))
              FAIL(describe(shape) << " sm_" << arch);
          }
        }
      }
    }
  }
}

TEST_CASE("the_bench_measures_what_exists") {
  CHECK(mma_gflops({MmaType::kBf16, MmaType::kBf16, AccType::kF32, 16}, best_isa(),
                   tensor_core_model({90})) > 0.01);
  CHECK(mma_gflops({MmaType::kBf16, MmaType::kBf16, AccType::kF16, 16}, best_isa(),
                   tensor_core_model({90})) == 0);
}

}  // namespace
}  // namespace bsgen::sim
