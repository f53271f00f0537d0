// The rules of one fused step, each by an example small enough to follow by hand, and the table of
// architectures.
#include <cmath>
#include <vector>

#include "runtime/sim/exec/fp_convert.h"
#include "runtime/sim/exec/tensor_core.h"
#include "tests/support/catch.h"
#include "tests/unit/sim_math/mma_tile.h"

namespace bsgen::sim {
namespace {

float dot(MmaType type, std::vector<float> a, std::vector<float> b, float c, int fraction_bits,
          AccType acc = AccType::kF32) {
  return dot_step(type, acc, a.data(), b.data(), static_cast<int>(a.size()), c, fraction_bits);
}

TEST_CASE("each_addend_is_cut_toward_zero_before_the_sum") {
  const float tiny = 0x1p-12f;  // products of 2^-24 and 2^-25 beside c = 1
  CHECK(dot(MmaType::kBf16, {tiny, tiny}, {tiny / 2, tiny / 2}, 1.f, 24) ==
        1.f);  // both are below 2^-24
  CHECK(dot(MmaType::kBf16, {tiny, tiny}, {tiny, tiny}, 1.f, 24) == 1.f + 0x1p-23f);
  CHECK(dot(MmaType::kBf16, {tiny, tiny, tiny, tiny}, {tiny / 2, tiny / 2, tiny / 2, tiny / 2}, 1.f,
            25) == 1.f + 0x1p-23f);
  CHECK(dot(MmaType::kBf16, {tiny, tiny, tiny, tiny}, {tiny / 2, tiny / 2, tiny / 2, tiny / 2}, 1.f,
            24) == 1.f);
  CHECK(dot(MmaType::kBf16, {-tiny}, {tiny / 2}, 1.f, 24) == 1.f);  // toward zero, not down
}

TEST_CASE("the_sum_is_cut_toward_zero_to_24_bits") {
  CHECK(dot(MmaType::kBf16, {0x1p-12f}, {0x1p-12f}, 1.f, 24) == 1.f);
  CHECK(dot(MmaType::kBf16, {0x1p-12f}, {0x1p-12f}, -1.f, 24) == -1.f + 0x1p-24f);
  CHECK(dot(MmaType::kBf16, {0x1.8p-12f}, {0x1p-11f}, 1.f, 24) == 1.f + 0x1p-23f);
}

TEST_CASE("a_zero_product_has_no_exponent") {
  // 0 * 2^100 must not push 2^-20 out of the window.
  CHECK(dot(MmaType::kBf16, {0.f, 1.f}, {0x1p100f, 0x1p-20f}, 0.f, 24) == 0x1p-20f);
  CHECK(dot(MmaType::kBf16, {0x1p100f, 1.f}, {-0.f, 0x1p-20f}, 0.f, 24) == 0x1p-20f);
  CHECK(dot(MmaType::kBf16, {0x1p-60f}, {0x1p-60f}, 0.f, 24) == 0x1p-120f);  // nor does c = 0
}

TEST_CASE("subnormal_operands_keep_their_formats_lowest_exponent") {
  // f16: 2^-24 counts as exponent -14, so its product with 2^15 as 1, and 2^-24 beside 0.5 is cut
  // off.
  CHECK(dot(MmaType::kF16, {0x1p-24f}, {0x1p15f}, 0.5f + 0x1p-24f, 24) == 0.5f + 0x1p-9f);
  // bf16 has the exponent -9 for the same product.
  CHECK(dot(MmaType::kBf16, {0x1p-24f}, {0x1p15f}, 0.5f + 0x1p-24f, 24) ==
        0.5f + 0x1p-9f + 0x1p-24f);
}

TEST_CASE("products_are_not_normalised") {
  // 1.5 * 1.5 = 2.25 has exponent 0, so 2^-24 beside it still counts; two of them lift the sum.
  const float small = 0x1p-12f;
  CHECK(dot(MmaType::kBf16, {1.5f, small, small, small, small}, {1.5f, small, small, small, small},
            0.f, 24) == 2.25f + 0x1p-22f);
}

TEST_CASE("results_reach_down_to_subnormals_and_up_to_infinity") {
  CHECK(dot(MmaType::kBf16, {0x1p-75f}, {0x1p-74f}, 0.f, 24) == 0x1p-149f);
  CHECK(dot(MmaType::kBf16, {0x1p-75f}, {0x1.8p-75f}, 0.f, 24) == 0.f);
  CHECK(dot(MmaType::kBf16, {0x1p127f}, {1.f}, 0x1.fffffep127f, 24) == INFINITY);
  CHECK(dot(MmaType::kBf16, {-0x1p100f}, {0x1p100f}, 1.f, 24) == -INFINITY);
  // What leaves float32 and comes back within the step does not overflow, but has pushed c out.
  CHECK(dot(MmaType::kBf16, {0x1p100f, -0x1p100f}, {0x1p100f, 0x1p100f}, 1.f, 24) == 0.f);
}

TEST_CASE("an_exact_zero_is_positive") {
  CHECK(bits_of(dot(MmaType::kBf16, {-1.f}, {0.f}, -0.f, 24)) == 0);
  CHECK(bits_of(dot(MmaType::kBf16, {-1.f, 1.f}, {1.f, 1.f}, 0.f, 24)) == 0);
}

TEST_CASE("nan_and_infinity_follow_ieee_with_one_nan") {
  const float inf = INFINITY, nan = f32_of(0xffc12345u);
  CHECK(bits_of(dot(MmaType::kBf16, {nan}, {0.f}, 1.f, 24)) == 0x7fffffffu);
  CHECK(bits_of(dot(MmaType::kBf16, {1.f}, {1.f}, nan, 24)) == 0x7fffffffu);
  CHECK(bits_of(dot(MmaType::kBf16, {inf}, {0.f}, 1.f, 24)) == 0x7fffffffu);
  CHECK(bits_of(dot(MmaType::kBf16, {inf, -inf}, {1.f, 1.f}, 1.f, 24)) == 0x7fffffffu);
  CHECK(bits_of(dot(MmaType::kBf16, {inf}, {1.f}, -inf, 24)) == 0x7fffffffu);
  CHECK(dot(MmaType::kBf16, {inf, 1.f}, {-2.f, 5.f}, 1.f, 24) == -inf);
  CHECK(dot(MmaType::kBf16, {1.f}, {1.f}, inf, 24) == inf);
  MmaTile tile({MmaType::kF16, MmaType::kF16, AccType::kF16, 16});
  tile.set_a(3, 2, 0x7c00);
  for (const Isa isa : available_isas()) {
    tile.run(isa, tensor_core_model({80}));
    CHECK(tile.d_bits(3, 1) == 0x7fff);  // infinity times zero
    CHECK(tile.d_bits(2, 1) == 0);
  }
}

TEST_CASE("float16_accumulators_round_to_nearest_even_once") {
  const auto f16 = [](std::vector<float> a, std::vector<float> b, float c) {
    return dot(MmaType::kF16, a, b, c, 24, AccType::kF16);
  };
  CHECK(f16({0x1p-11f}, {1.f}, 1.f) == 1.f);  // a tie, to even
  CHECK(f16({0x1p-11f, 0x1p-12f}, {1.f, 0x1p-12f}, 1.f) ==
        1.f + 0x1p-10f);  // a bit of 2^-24 above it
  CHECK(f16({0x1p-11f}, {1.f}, 1.f + 0x1p-10f) == 1.f + 0x1p-9f);
  CHECK(f16({65504.f}, {1.f}, 16.f) == INFINITY);
  CHECK(f16({65504.f}, {1.f}, 15.f) == 65504.f);
  CHECK(f16({0x1p-12f}, {0x1p-12f}, 0.f) == 0x1p-24f);
  CHECK(f16({0x1p-12f}, {0x1p-13f}, 0.f) == 0.f);  // half of the least subnormal
}

TEST_CASE("fp8_results_of_ada_and_hopper_have_13_fraction_bits") {
  CHECK(dot(MmaType::kE4m3, {1.f}, {1.f}, 0x1p-13f, 13) == 1.f + 0x1p-13f);
  CHECK(dot(MmaType::kE4m3, {1.f}, {1.f}, 0x1p-14f, 13) == 1.f);
  CHECK(dot(MmaType::kE4m3, {1.5f, 0.015625f}, {1.5f, 0.015625f}, 0x1p-13f, 13) ==
        2.25f + 0x1p-12f);
}

TEST_CASE("ampere_takes_two_steps_where_hopper_takes_one") {
  MmaTile tile({MmaType::kBf16, MmaType::kBf16, AccType::kF32, 16});
  // 2^24 in the lower half, eight times 0.5 in the upper: half an ulp each, gone in Ampere's second
  // step at F = 24 only if it were cut at 2^0; with 2^25 they are.
  tile.set_a(0, 0, encode_as(MmaType::kBf16, 0x1p13f));
  tile.set_b(0, 0, encode_as(MmaType::kBf16, 0x1p13f));
  tile.set_a(0, 1, encode_as(MmaType::kBf16, -0x1p13f));
  tile.set_b(1, 0, encode_as(MmaType::kBf16, 0x1p13f));
  for (int k = 8; k < 16; ++k) {
    tile.set_a(0, k, encode_as(MmaType::kBf16, 0.5f));
    tile.set_b(k, 0, encode_as(MmaType::kBf16, 0.5f));
  }
  for (const Isa isa : available_isas()) {
    tile.run(isa, tensor_core_model({80}));
    CHECK(f32_of(tile.d_bits(0, 0)) == 2.f);  // the first half cancels before the second is aligned
    tile.run(isa, tensor_core_model({90}));
    CHECK(f32_of(tile.d_bits(0, 0)) == 0.f);  // 0.25 is below 2^26 * 2^-25
  }
}

TEST_CASE("tf32_operands_lose_their_low_13_bits") {
  MmaTile tile({MmaType::kTf32, MmaType::kTf32, AccType::kF32, 8});
  tile.set_a(0, 0, 0x3f803fffu);  // 1 + 2^-10 + what the tensor core does not see
  tile.set_b(0, 0, 0x40001fffu);
  for (const Isa isa : available_isas()) {
    tile.run(isa, tensor_core_model({90}));
    CHECK(tile.d_bits(0, 0) == bits_of(2.f + 0x1p-9f));
  }
}

TEST_CASE("sums_of_sixteen_largest_products_do_not_wrap") {
  MmaTile tile({MmaType::kBf16, MmaType::kBf16, AccType::kF32, 16});
  for (int k = 0; k < 16; ++k) {
    tile.set_a(0, k, 0x3fff);  // 1.9921875
    tile.set_b(k, 0, 0x3fff);
    tile.set_a(1, k, 0xbfff);
  }
  tile.set_c(0, 0, bits_of(1.9999999f));
  for (const Isa isa : available_isas()) {
    tile.run(isa, tensor_core_model({90}));
    CHECK(tile.d_bits(0, 0) == tile.expected_bits(0, 0, tensor_core_model({90})));
    CHECK(f32_of(tile.d_bits(0, 0)) ==
          std::nextafter(16 * 1.9921875f * 1.9921875f + 2.f, 0.f));  // cut, at 2^-17
    CHECK(f32_of(tile.d_bits(1, 0)) == -16 * 1.9921875f * 1.9921875f);
  }
}

TEST_CASE("only_recorded_architectures_are_confirmed") {
  for (const int arch : {80, 89, 90, 100}) CHECK(tensor_core_model({arch}).confirmed);
  for (const int arch : {75, 86, 87, 88, 103, 110, 120, 121})
    CHECK_FALSE(tensor_core_model({arch}).confirmed);
  CHECK(tensor_core_model({90, 'a'}).confirmed);
  CHECK(tensor_core_model({86}).fraction_bits == 24);
  CHECK(tensor_core_model({86}).step_16bit == 8);
  CHECK(tensor_core_model({120}).fraction_bits == 25);
  CHECK(tensor_core_model({120}).step_16bit == 16);
}

}  // namespace
}  // namespace bsgen::sim
