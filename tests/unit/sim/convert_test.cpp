// cvt between every two types, in every rounding and with every modifier, against conversions by search among all codes.
#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <map>
#include <random>

#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"
#include "tests/unit/sim_math/reference_float.h"

namespace bsgen::sim::test {
namespace {

using U = std::uint64_t;

struct Type {
  std::string name;
  int bits;
  bool is_int, is_signed;
  FloatFormat format;
};
const Type kInts[] = {{"u8", 8, true, false, {}},   {"s8", 8, true, true, {}},   {"u16", 16, true, false, {}}, {"s16", 16, true, true, {}},
                      {"u32", 32, true, false, {}}, {"s32", 32, true, true, {}}, {"u64", 64, true, false, {}}, {"s64", 64, true, true, {}}};
const Type kF16{"f16", 16, false, true, {5, 10}}, kBf16{"bf16", 16, false, true, {8, 7}}, kF32{"f32", 32, false, true, {8, 23}},
    kF64{"f64", 64, false, true, {11, 52}};
const Type kFloats[] = {kF16, kBf16, kF32, kF64};
struct Direction {
  std::string plain, integral;
  Round round;
};
const Direction kDirections[] = {{"rn", "rni", Round::kNearest}, {"rz", "rzi", Round::kZero}, {"rm", "rmi", Round::kDown}, {"rp", "rpi", Round::kUp}};

std::string reg(const Type& type, int number) {
  if (type.is_int) return fmt::format("{}{}", type.bits == 64 ? "%rd" : type.bits == 16 ? "%rs" : "%r", number);
  return fmt::format("{}{}", type.bits == 64 ? "%fd" : type.bits == 32 ? "%f" : "%rs", number);
}
Result result_of(const Type& type) {
  if (!type.is_int) return type.bits == 64 ? Result::kF64 : type.bits == 32 ? Result::kF32 : Result::k16;
  return type.bits == 64 ? Result::k64 : type.bits == 16 ? Result::k16 : Result::k32;
}

Wide power(int exponent) {
  Wide x = 1;
  for (int i = 0; i < exponent; ++i) x *= 2;
  for (int i = 0; i > exponent; --i) x /= 2;
  return x;
}

// What a pattern of bits is worth.
struct Value {
  bool nan = false, infinite = false, negative = false;
  Wide magnitude = 0;
};
Value value_of(const Type& type, U pattern) {
  Value v;
  if (type.is_int) {
    const U field = type.bits == 64 ? pattern : pattern & ((U{1} << type.bits) - 1);
    v.negative = type.is_signed && (field >> (type.bits - 1) & 1);
    const U magnitude = v.negative ? (type.bits == 64 ? U{0} - field : (U{1} << type.bits) - field) : field;
    v.magnitude = static_cast<Wide>(magnitude >> 32) * power(32) + static_cast<Wide>(magnitude & 0xffffffff);
    return v;
  }
  const int m = type.format.mantissa_bits, e = type.format.exponent_bits;
  const U field = pattern >> m & ((U{1} << e) - 1), mantissa = pattern & ((U{1} << m) - 1);
  v.negative = pattern >> (m + e) & 1;
  if (field == (U{1} << e) - 1) {
    v.nan = mantissa != 0;
    v.infinite = mantissa == 0;
    return v;
  }
  const U whole = field == 0 ? mantissa : mantissa | U{1} << m;
  v.magnitude = (static_cast<Wide>(whole >> 32) * power(32) + static_cast<Wide>(whole & 0xffffffff)) *
                power((field == 0 ? 1 : static_cast<int>(field)) - ((1 << (e - 1)) - 1) - m);
  return v;
}

// The largest whole number not above x, and whether the direction asks for the next one.
void to_whole(Value& v, Round round) {
  if (v.nan || v.infinite || v.magnitude >= power(100)) return;
  Wide below = 0;
  for (int i = 100; i >= 0; --i)
    if (below + power(i) <= v.magnitude) below += power(i);
  const Wide rest = v.magnitude - below;
  bool odd = false;
  for (Wide half = below; half >= 1;) {  // below mod 2
    Wide step = 2;
    while (step * 2 <= half) step *= 2;
    if (half == 1) {
      odd = true;
      break;
    }
    half -= step;
  }
  const bool up = round == Round::kNearest ? rest * 2 > 1 || (rest * 2 == 1 && odd)
                  : round == Round::kUp    ? rest > 0 && !v.negative
                  : round == Round::kDown  ? rest > 0 && v.negative
                                           : false;
  v.magnitude = below + (up ? 1 : 0);
}

U to_integer(const Type& to, const Type& from, const Value& v) {
  const U top = to.bits == 64 ? ~U{0} : (U{1} << to.bits) - 1;
  if (v.nan) return to.bits == 64 || from.bits == 64 ? U{1} << (to.bits - 1) : 0;
  const U low = to.is_signed ? U{1} << (to.bits - 1) : 0, high = to.is_signed ? low - 1 : top;
  if (v.negative) {
    if (!to.is_signed) return 0;
    if (v.infinite || v.magnitude >= power(to.bits - 1)) return low;
  } else if (v.infinite || v.magnitude >= power(to.is_signed ? to.bits - 1 : to.bits)) {
    return high;
  }
  U magnitude = 0;
  Wide rest = v.magnitude;
  for (int i = 63; i >= 0; --i)
    if (power(i) <= rest) rest -= power(i), magnitude |= U{1} << i;
  return v.negative ? (U{0} - magnitude) & top : magnitude;
}

U to_float(const Type& to, const Value& v, Round round) {
  const int m = to.format.mantissa_bits, e = to.format.exponent_bits;
  const U infinity = ((U{1} << e) - 1) << m, sign = v.negative ? U{1} << (m + e) : 0;
  if (v.nan) return infinity | ((U{1} << m) - 1);
  if (v.infinite) return sign | infinity;
  if (v.magnitude == 0) return sign;
  if (to.bits == 64) {  // by halving: codes of 64 bits are too many for the search of reference_round
    int exponent = 0;
    Wide x = v.magnitude;
    while (x >= 2) x /= 2, ++exponent;
    while (x < 1 && exponent > -1022) x *= 2, --exponent;
    Value scaled{false, false, v.negative, x * power(52)};
    to_whole(scaled, round);
    U whole = 0;
    Wide rest = scaled.magnitude;
    for (int i = 54; i >= 0; --i)
      if (power(i) <= rest) rest -= power(i), whole |= U{1} << i;
    return sign | (static_cast<U>(exponent + 1022) << 52) + whole;  // the leading one adds what is missing
  }
  const U made = reference_round(v.negative ? -v.magnitude : v.magnitude, to.format, round);
  const bool overflows = (made & (infinity | (infinity - 1))) == infinity;
  const bool to_largest = round == Round::kZero || (round == Round::kDown && !v.negative) || (round == Round::kUp && v.negative);
  return overflows && to_largest ? sign | (infinity - 1) : made;
}

struct Form {
  Round round = Round::kNearest;
  bool integral = false, ftz = false, sat = false, relu = false, satfinite = false;
};
U reference(const Type& to, const Type& from, const Form& form, U pattern) {
  Value v = value_of(from, pattern);
  if (form.ftz && from.name == "f32" && !v.nan && !v.infinite && v.magnitude < power(-126)) v.magnitude = 0;
  if (to.is_int && from.is_int && !form.sat) {
    const U top = to.bits == 64 ? ~U{0} : (U{1} << to.bits) - 1;
    const U source = from.bits == 64 ? pattern : pattern & ((U{1} << from.bits) - 1);
    return (v.negative && from.bits < 64 ? source | ~((U{1} << from.bits) - 1) : source) & top;
  }
  if (form.integral) to_whole(v, form.round);
  if (to.is_int) return to_integer(to, from, v);
  if (form.relu && v.negative && !v.nan) v = {};
  if (form.sat) {
    if (v.nan || v.negative)
      v = {};
    else if (v.infinite || v.magnitude > 1)
      v = {false, false, false, 1};
  }
  U made = to_float(to, v, form.round);
  const U sign = U{1} << (to.bits - 1), infinity = ((U{1} << to.format.exponent_bits) - 1) << to.format.mantissa_bits;
  if (form.satfinite && (made & ~sign) == infinity) --made;
  if (form.ftz && to.name == "f32" && (made & infinity) == 0) made &= sign;
  return made;
}

// Narrow integers come back extended to their register.
U extended(const Type& to, U made) {
  if (to.bits != 8) return made;
  return to.is_signed && (made & 0x80) ? (made | 0xffffff00) & 0xffffffff : made;
}

const Inputs& inputs_of(const Type& type) {
  static std::map<std::string, Inputs> kept;
  Inputs& made = kept[type.name];
  if (!made.a.empty()) return made;
  std::mt19937_64 random(static_cast<unsigned>(type.bits + type.format.exponent_bits));
  const auto add = [&](U x) { made.a.push_back(x), made.b.push_back(0), made.c.push_back(0); };
  if (type.is_int) {
    for (U x : {U{0},
                U{1},
                U{0x7f},
                U{0x80},
                U{0xff},
                U{0x7fff},
                U{0x8000},
                U{0xffff},
                U{0x7fffffff},
                U{0x80000000},
                U{0xffffffff},
                U{0x1000001},
                U{0x1000003},
                U{0x20000000000001},
                U{0x20000000000003},
                U{0x7fffffffffffffff},
                U{0x8000000000000000},
                U{0x8000000000000401},
                ~U{0},
                U{0xfffffffffffffbff},
                U{65519},
                U{65520},
                U{2049},
                U{2051}})
      add(x);
    for (int i = 0; i < 24; ++i) add(random() >> random() % 64);
    return made;
  }
  const int m = type.format.mantissa_bits, e = type.format.exponent_bits;
  const U top = ((U{1} << e) - 1) << m, one = ((U{1} << (e - 1)) - 1) << m;
  for (U sign : {U{0}, U{1} << (m + e)})
    for (U x : {U{0}, U{1}, (U{1} << m) - 1, U{1} << m, one, one + 1, one - (U{1} << (m - 1)), one - (U{1} << m), one + (U{1} << (m - 1)),
                one + (U{3} << (m - 1)), top - 1, top, top + 1})
      add(sign | x);
  for (int i = 0; i < 40; ++i) {  // around the integers, and anywhere
    const U exponent = i % 2 == 0 ? (U{1} << (e - 1)) - 4 + random() % (e == 5 ? 19 : 70) : random() % (U{1} << e);
    add((random() & (U{1} << (m + e))) | (exponent & ((U{1} << e) - 1)) << m | (random() & ((U{1} << m) - 1) & ~((U{1} << random() % m) - 1)));
  }
  return made;
}

void compare(const Type& to, const Type& from, const std::string& modifiers, const Form& form) {
  const Inputs& inputs = inputs_of(from);
  std::map<U, U> known;
  check(fmt::format("cvt{}.{}.{} {}, {};", modifiers, to.name, from.name, reg(to, 20), reg(from, 10)), inputs, result_of(to), [&](U a, U, U) {
    const auto [found, is_new] = known.try_emplace(a, 0);
    if (is_new) found->second = extended(to, reference(to, from, form, a));
    return found->second;
  });
}

TEST_CASE("integers_convert_between_all_widths") {
  for (const Type& to : kInts)
    for (const Type& from : kInts) {
      compare(to, from, "", {});
      compare(to, from, ".sat", {.sat = true});
    }
}

TEST_CASE("integers_round_once_into_every_float") {
  for (const Type& to : kFloats)
    for (const Type& from : kInts)
      for (const Direction& direction : kDirections) compare(to, from, "." + direction.plain, {.round = direction.round});
  compare(kF32, kInts[5], ".rn.sat", {.sat = true});
}

TEST_CASE("floats_round_into_every_integer_and_clamp") {
  for (const Type& to : kInts)
    for (const Type& from : kFloats)
      for (const Direction& direction : kDirections) compare(to, from, "." + direction.integral, {.round = direction.round, .integral = true});
  for (const Direction& direction : kDirections)
    compare(kInts[5], kF32, fmt::format(".{}.ftz", direction.integral), {.round = direction.round, .integral = true, .ftz = true});
}

TEST_CASE("floats_convert_into_every_other_float_rounded_once") {
  for (const Direction& direction : kDirections) {
    const std::string rounding = "." + direction.plain, whole = "." + direction.integral;
    const Round round = direction.round;
    compare(kF32, kF64, rounding, {.round = round});
    compare(kF32, kF64, rounding + ".ftz", {.round = round, .ftz = true});
    compare(kF32, kF64, rounding + ".sat", {.round = round, .sat = true});
    compare(kF16, kF32, rounding, {.round = round});
    compare(kF16, kF32, rounding + ".ftz", {.round = round, .ftz = true});
    compare(kF16, kF32, rounding + ".sat", {.round = round, .sat = true});
    compare(kBf16, kF32, rounding, {.round = round});
    for (const Type& half : {kF16, kBf16}) compare(half, kF64, rounding, {.round = round});
    compare(kBf16, kF16, rounding, {.round = round});
    compare(kF16, kBf16, rounding, {.round = round});
    for (const Type& type : kFloats) compare(type, type, whole, {.round = round, .integral = true});
    compare(kF32, kF32, whole + ".ftz", {.round = round, .integral = true, .ftz = true});
    compare(kF32, kF32, whole + ".sat", {.round = round, .integral = true, .sat = true});
  }
  for (const Type& half : {kF16, kBf16}) {
    compare(kF32, half, "", {});
    compare(kF64, half, "", {});
    compare(kF32, half, ".sat", {.sat = true});
    for (const Direction& direction : {kDirections[0], kDirections[1]}) {
      compare(half, kF32, "." + direction.plain + ".relu", {.round = direction.round, .relu = true});
      compare(half, kF32, "." + direction.plain + ".satfinite", {.round = direction.round, .satfinite = true});
      compare(half, kF32, "." + direction.plain + ".satfinite.relu", {.round = direction.round, .relu = true, .satfinite = true});
    }
  }
  compare(kF16, kF16, ".sat", {.sat = true});
  compare(kF32, kF32, ".sat", {.sat = true});
  compare(kF32, kF32, ".ftz", {.ftz = true});
  compare(kF32, kF32, ".ftz.sat", {.ftz = true, .sat = true});
  compare(kF64, kF32, "", {});
  compare(kF64, kF32, ".ftz", {.ftz = true});
  compare(kF64, kF32, ".sat", {.sat = true});
  compare(kF64, kF64, ".sat", {.sat = true});
}

// Codes of e4m3 (no infinity, NaN 0x7f) and e5m2 by their definition.
Wide fp8_magnitude(bool e5m2, std::uint32_t code) {
  return e5m2 ? decode_magnitude(code, {5, 2}) : decode_magnitude(code, {4, 3});
}
U fp8_reference(bool e5m2, bool relu, float x) {
  const U largest = e5m2 ? 0x7b : 0x7e;
  if (x != x) return 0x7f;
  const U sign = std::signbit(x) ? 0x80 : 0;
  if (relu && sign) return 0;
  const Wide magnitude = static_cast<Wide>(std::fabs(x));
  U best = 0;
  for (std::uint32_t code = 0; code <= largest; ++code) {
    const Wide distance = magnitude > fp8_magnitude(e5m2, code) ? magnitude - fp8_magnitude(e5m2, code) : fp8_magnitude(e5m2, code) - magnitude;
    const Wide best_distance = magnitude > fp8_magnitude(e5m2, static_cast<std::uint32_t>(best))
                                   ? magnitude - fp8_magnitude(e5m2, static_cast<std::uint32_t>(best))
                                   : fp8_magnitude(e5m2, static_cast<std::uint32_t>(best)) - magnitude;
    if (distance < best_distance || (distance == best_distance && code % 2 == 0 && code != best)) best = code;
  }
  return sign | (std::isinf(x) ? largest : best);
}

TEST_CASE("fp8_pairs_convert_both_ways") {
  Inputs floats;
  std::mt19937 random(11);
  for (int i = 0; i < 96; ++i) {
    const auto next = [&] {
      return i < 8 ? (i % 2 ? 0x7fc00000u : 0xff800000u)
                   : (random() & 0x80000000u) | (115 + random() % 24) << 23 | (random() & 0x7fffff & ~((1u << random() % 23) - 1));
    };
    floats.a.push_back(next()), floats.b.push_back(i == 9 ? 0x80000000u : next()), floats.c.push_back(0);
  }
  Inputs codes;
  for (U i = 0; i < 256; ++i) codes.a.push_back(i | (255 - i) << 8), codes.b.push_back(0), codes.c.push_back(0);
  Inputs halves;
  for (int i = 0; i < 128; ++i) halves.a.push_back(random()), halves.b.push_back(0), halves.c.push_back(0);
  const auto f = [](U x) { return f32_of(static_cast<std::uint32_t>(x)); };
  const auto h = [](U x) { return static_cast<float>(f16_to_f32(static_cast<std::uint16_t>(x))); };
  for (bool e5m2 : {false, true})
    for (bool relu : {false, true}) {
      const char* name = e5m2 ? "e5m2x2" : "e4m3x2";
      check(fmt::format("cvt.rn.satfinite{}.{}.f32 %rs20, %f10, %f11;", relu ? ".relu" : "", name), floats, Result::k16,
            [&](U a, U b, U) { return fp8_reference(e5m2, relu, f(a)) << 8 | fp8_reference(e5m2, relu, f(b)); });
      check(fmt::format("cvt.rn.satfinite{}.{}.f16x2 %rs20, %r10;", relu ? ".relu" : "", name), halves, Result::k16,
            [&](U a, U, U) { return fp8_reference(e5m2, relu, h(a >> 16)) << 8 | fp8_reference(e5m2, relu, h(a)); });
      check(fmt::format("cvt.rn{}.f16x2.{} %r20, %rs10;", relu ? ".relu" : "", name), codes, Result::k32, [&](U a, U, U) {
        const auto one = [&](U code) -> U {
          const U magnitude = code & 0x7f;
          if (e5m2 ? magnitude > 0x7c : magnitude == 0x7f) return 0x7fff;
          const bool negative = code & 0x80;
          if (relu && negative) return 0;
          if (e5m2 && magnitude == 0x7c) return negative ? 0xfc00 : 0x7c00;
          return (negative ? 0x8000 : 0) | reference_round(fp8_magnitude(e5m2, static_cast<std::uint32_t>(magnitude)), {5, 10}, Round::kNearest);
        };
        return one(a >> 8 & 0xff) << 16 | one(a & 0xff);
      });
    }
}

}  // namespace
}  // namespace bsgen::sim::test
