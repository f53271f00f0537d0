// Integer instructions that kernels rarely have, against plain C++: carry chains, pairs, dot products, permutations, masks.
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

using U = std::uint64_t;
std::uint32_t lo(U x) {
  return static_cast<std::uint32_t>(x);
}
std::int32_t si(U x) {
  return static_cast<std::int32_t>(lo(x));
}
const Inputs& ints() {
  static const Inputs kInputs = pairs(int_edges(), 200, 21);
  return kInputs;
}

TEST_CASE("carry_chains_are_one_long_integer") {
  // 96 bits: c : b : a plus, minus and times themselves in pieces.
  check("add.cc.u32 %r21, %r10, %r11;\naddc.cc.u32 %r22, %r11, %r12;\naddc.u32 %r20, %r12, %r10;", ints(), Result::k32, [](U a, U b, U c) {
    const unsigned __int128 x = static_cast<unsigned __int128>(lo(c)) << 64 | U{lo(b)} << 32 | lo(a),
                            y = static_cast<unsigned __int128>(lo(a)) << 64 | U{lo(c)} << 32 | lo(b);
    return U{lo(static_cast<U>((x + y) >> 64))};
  });
  check("sub.cc.s32 %r21, %r10, %r11;\nsubc.cc.s32 %r22, %r11, %r12;\nsubc.s32 %r20, %r12, %r10;", ints(), Result::k32, [](U a, U b, U c) {
    const unsigned __int128 x = static_cast<unsigned __int128>(lo(c)) << 64 | U{lo(b)} << 32 | lo(a),
                            y = static_cast<unsigned __int128>(lo(a)) << 64 | U{lo(c)} << 32 | lo(b);
    return U{lo(static_cast<U>((x - y) >> 64))};
  });
  check("add.cc.u64 %rd21, %rd10, %rd11;\naddc.u64 %rd20, %rd12, 0;", ints(), Result::k64, [](U a, U b, U c) { return c + (a + b < a ? 1 : 0); });
  check("sub.cc.u64 %rd21, %rd10, %rd11;\nsubc.u64 %rd20, %rd12, %rd12;", ints(), Result::k64, [](U a, U b, U) { return a < b ? ~U{0} : U{0}; });
  check("mad.lo.cc.u32 %r21, %r10, %r11, %r12;\nmadc.hi.u32 %r20, %r10, %r11, %r12;", ints(), Result::k32, [](U a, U b, U c) {
    const U low = U{lo(a) * lo(b)} + lo(c);
    return U{lo((U{lo(a)} * lo(b) >> 32) + lo(c) + (low >> 32))};
  });
  check("mad.hi.cc.s32 %r21, %r10, %r11, %r12;\naddc.s32 %r20, 0, 0;", ints(), Result::k32,
        [](U a, U b, U c) { return (U{lo(static_cast<U>(std::int64_t{si(a)} * si(b) >> 32))} + lo(c)) >> 32; });
  check("add.cc.u32 %r21, %r10, %r11;\nmadc.lo.cc.u64 %rd21, %rd10, %rd11, %rd12;\naddc.u32 %r20, 0, 0;", ints(), Result::k32, [](U a, U b, U c) {
    const U carry = (U{lo(a)} + lo(b)) >> 32;
    return static_cast<U>((static_cast<unsigned __int128>(a * b) + c + carry) >> 64);
  });
}

TEST_CASE("pairs_of_16_bit_integers_compute_in_both_halves") {
  const auto halves = [](U a, U b, auto f) {
    return U{static_cast<std::uint16_t>(f(a & 0xffff, b & 0xffff))} | U{static_cast<std::uint16_t>(f(a >> 16 & 0xffff, b >> 16 & 0xffff))} << 16;
  };
  const auto s16 = [](U x) { return static_cast<int>(static_cast<std::int16_t>(x)); };
  check("add.u16x2 %r20, %r10, %r11;", ints(), Result::k32, [&](U a, U b, U) { return halves(a, b, [](U x, U y) { return x + y; }); });
  check("add.s16x2 %r20, %r10, %r11;", ints(), Result::k32, [&](U a, U b, U) { return halves(a, b, [](U x, U y) { return x + y; }); });
  check("min.u16x2 %r20, %r10, %r11;", ints(), Result::k32, [&](U a, U b, U) { return halves(a, b, [](U x, U y) { return std::min(x, y); }); });
  check("max.s16x2 %r20, %r10, %r11;", ints(), Result::k32,
        [&](U a, U b, U) { return halves(a, b, [&](U x, U y) { return std::max(s16(x), s16(y)); }); });
  check("min.relu.s16x2 %r20, %r10, %r11;", ints(), Result::k32,
        [&](U a, U b, U) { return halves(a, b, [&](U x, U y) { return std::max(0, std::min(s16(x), s16(y))); }); });
  check("max.relu.s32 %r20, %r10, %r11;", ints(), Result::k32, [](U a, U b, U) { return static_cast<U>(std::max({0, si(a), si(b)})); });
}

TEST_CASE("dot_products_of_bytes_and_24_bit_products_follow_their_signs") {
  for (int signs = 0; signs < 4; ++signs)
    for (bool high : {false, true}) {
      const auto word = [](U x, int i, bool s) -> std::int64_t {
        return s ? std::int64_t{static_cast<std::int16_t>(x >> (16 * i))} : std::int64_t{static_cast<std::uint16_t>(x >> (16 * i))};
      };
      const auto byte = [](U x, int i, bool s) -> std::int64_t {
        return s ? std::int64_t{static_cast<std::int8_t>(x >> (8 * i))} : std::int64_t{static_cast<std::uint8_t>(x >> (8 * i))};
      };
      const bool a_signed = signs & 1, b_signed = signs & 2;
      const std::string types = fmt::format("{}.{}", a_signed ? "s32" : "u32", b_signed ? "s32" : "u32");
      check(fmt::format("dp2a.{}.{} %r20, %r10, %r11, %r12;", high ? "hi" : "lo", types), ints(), Result::k32, [&](U a, U b, U c) {
        const int first = high ? 2 : 0;
        return U{lo(static_cast<U>(word(a, 0, a_signed) * byte(b, first, b_signed) + word(a, 1, a_signed) * byte(b, first + 1, b_signed)) + c)};
      });
      if (!high)
        check(fmt::format("dp4a.{} %r20, %r10, %r11, %r12;", types), ints(), Result::k32, [&](U a, U b, U c) {
          U sum = c;
          for (int i = 0; i < 4; ++i) sum += static_cast<U>(byte(a, i, a_signed) * byte(b, i, b_signed));
          return U{lo(sum)};
        });
    }
  const auto s24 = [](U x) { return std::int64_t{static_cast<std::int32_t>(lo(x) << 8) >> 8}; };
  check("mul24.lo.u32 %r20, %r10, %r11;", ints(), Result::k32, [](U a, U b, U) { return U{lo((a & 0xffffff) * (b & 0xffffff))}; });
  check("mul24.hi.u32 %r20, %r10, %r11;", ints(), Result::k32, [](U a, U b, U) { return U{lo((a & 0xffffff) * (b & 0xffffff) >> 16)}; });
  check("mul24.hi.s32 %r20, %r10, %r11;", ints(), Result::k32, [&](U a, U b, U) { return U{lo(static_cast<U>(s24(a) * s24(b) >> 16))}; });
  check("mad24.lo.s32 %r20, %r10, %r11, %r12;", ints(), Result::k32, [&](U a, U b, U c) { return U{lo(static_cast<U>(s24(a) * s24(b)) + c)}; });
  check("mad.hi.sat.s32 %r20, %r10, %r11, %r12;", ints(), Result::k32, [](U a, U b, U c) {
    const std::int64_t sum = (std::int64_t{si(a)} * si(b) >> 32) + si(c);
    return U{lo(static_cast<U>(std::min<std::int64_t>(std::max<std::int64_t>(sum, INT32_MIN), INT32_MAX)))};
  });
}

TEST_CASE("permutation_modes_pick_the_bytes_of_the_isas_tables") {
  // For selector 0, 1, 2, 3: the source byte of each result byte, highest first (PTX ISA, prmt).
  struct Mode {
    const char* name;
    int table[4][4];
  };
  const Mode modes[] = {
      {"f4e", {{3, 2, 1, 0}, {4, 3, 2, 1}, {5, 4, 3, 2}, {6, 5, 4, 3}}}, {"b4e", {{5, 6, 7, 0}, {6, 7, 0, 1}, {7, 0, 1, 2}, {0, 1, 2, 3}}},
      {"rc8", {{0, 0, 0, 0}, {1, 1, 1, 1}, {2, 2, 2, 2}, {3, 3, 3, 3}}}, {"ecl", {{3, 2, 1, 0}, {3, 2, 1, 1}, {3, 2, 2, 2}, {3, 3, 3, 3}}},
      {"ecr", {{0, 0, 0, 0}, {1, 1, 1, 0}, {2, 2, 1, 0}, {3, 2, 1, 0}}}, {"rc16", {{1, 0, 1, 0}, {3, 2, 3, 2}, {1, 0, 1, 0}, {3, 2, 3, 2}}}};
  for (const Mode& mode : modes)
    check(fmt::format("prmt.b32.{} %r20, %r10, %r11, %r12;", mode.name), ints(), Result::k32, [&](U a, U b, U c) {
      const U bytes = U{lo(b)} << 32 | lo(a);
      U made = 0;
      for (int i = 0; i < 4; ++i) made = made << 8 | (bytes >> (8 * mode.table[c & 3][i]) & 0xff);
      return made;
    });
}

TEST_CASE("masks_extensions_and_set_bits_clamp_or_wrap") {
  check("bmsk.clamp.b32 %r20, %r10, %r11;", ints(), Result::k32, [](U a, U b, U) {
    U made = 0;
    for (U i = 0; i < 32; ++i)
      if (i >= std::min<U>(lo(a), 32) && i - std::min<U>(lo(a), 32) < std::min<U>(lo(b), 32)) made |= U{1} << i;
    return made;
  });
  check("bmsk.wrap.b32 %r20, %r10, %r11;", ints(), Result::k32, [](U a, U b, U) {
    U made = 0;
    for (U i = a & 31; i < 32 && i < (a & 31) + (b & 31); ++i) made |= U{1} << i;
    return made;
  });
  const auto extend = [](U a, U n, bool is_signed) -> U {
    if (n == 0) return 0;
    if (n >= 32) return lo(a);
    const U field = a & ((U{1} << n) - 1);
    return is_signed && (field >> (n - 1)) ? U{lo(field | ~((U{1} << n) - 1))} : field;
  };
  check("szext.clamp.u32 %r20, %r10, %r11;", ints(), Result::k32, [&](U a, U b, U) { return extend(a, lo(b), false); });
  check("szext.clamp.s32 %r20, %r10, %r11;", ints(), Result::k32, [&](U a, U b, U) { return extend(a, lo(b), true); });
  check("szext.wrap.s32 %r20, %r10, %r11;", ints(), Result::k32, [&](U a, U b, U) { return extend(a, b & 31, true); });
  check("and.b32 %r13, %r11, 31;\nand.b32 %r14, %r12, 7;\nsub.s32 %r14, %r14, 3;\nfns.b32 %r20, %r10, %r13, %r14;", ints(), Result::k32,
        [](U a, U b, U c) -> U {
          const int start = static_cast<int>(b & 31), offset = static_cast<int>(c & 7) - 3;
          if (offset == 0) return lo(a) >> start & 1 ? static_cast<U>(start) : 0xffffffff;
          int seen = 0;
          for (int i = start; i >= 0 && i < 32; i += offset > 0 ? 1 : -1)
            if ((lo(a) >> i & 1) && ++seen == std::abs(offset)) return static_cast<U>(i);
          return 0xffffffff;
        });
  check("setp.gt.u32 %p1, %r10, %r11;\nlop3.or.b32 %r20|%p20, %r10, %r11, %r12, 0x80, %p1;", ints(), Result::kPredicate,
        [](U a, U b, U c) { return U{lo(a & b & c) != 0 || lo(a) > lo(b)}; });
  check("setp.gt.u32 %p1, %r10, %r11;\nlop3.and.b32 _|%p20, %r10, %r11, %r12, 0x96, !%p1;", ints(), Result::kPredicate,
        [](U a, U b, U c) { return U{lo(a ^ b ^ c) != 0 && lo(a) <= lo(b)}; });
  check("slct.u32.s32 %r20, %r10, %r11, %r12;", ints(), Result::k32, [](U a, U b, U c) { return U{si(c) >= 0 ? lo(a) : lo(b)}; });
  check("slct.b64.s32 %rd20, %rd10, %rd11, %r12;", ints(), Result::k64, [](U a, U b, U c) { return si(c) >= 0 ? a : b; });
  check("setp.gt.u32 %p1, %r10, %r12;\nset.lt.xor.u32.s32 %r20, %r10, %r11, %p1;", ints(), Result::k32,
        [](U a, U b, U c) { return (si(a) < si(b)) != (lo(a) > lo(c)) ? U{0xffffffff} : U{0}; });
}

TEST_CASE("generic_addresses_know_their_space") {
  const Inputs few{{0, 1}, {0, 0}, {0, 0}};
  check(".shared .b32 s;\n.local .b32 l;\nmov.u64 %rd13, s;\ncvta.shared.u64 %rd13, %rd13;\nisspacep.shared %p20, %rd13;", few, Result::kPredicate,
        [](U, U, U) { return 1; });
  check(".shared .b32 s;\nmov.u64 %rd13, s;\ncvta.shared.u64 %rd13, %rd13;\nisspacep.global %p20, %rd13;", few, Result::kPredicate,
        [](U, U, U) { return 0; });
  check(".local .b32 l;\nmov.u64 %rd13, l;\ncvta.local.u64 %rd13, %rd13;\nisspacep.local %p20, %rd13;", few, Result::kPredicate,
        [](U, U, U) { return 1; });
  check("isspacep.global %p20, %rd3;", few, Result::kPredicate, [](U, U, U) { return 1; });
}

}  // namespace
}  // namespace bsgen::sim::test
