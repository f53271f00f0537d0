// Integer and bit instructions against plain C++.
#include <bit>

#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

using U = std::uint64_t;
std::uint32_t lo(U x) { return static_cast<std::uint32_t>(x); }
std::int32_t si(U x) { return static_cast<std::int32_t>(lo(x)); }
std::int64_t sl(U x) { return static_cast<std::int64_t>(x); }
std::uint16_t h(U x) { return static_cast<std::uint16_t>(x); }
std::int16_t sh(U x) { return static_cast<std::int16_t>(h(x)); }
U u32(std::int64_t x) { return static_cast<std::uint32_t>(x); }
const Inputs& ints() {
  static const Inputs kInputs = pairs(int_edges(), 200, 1);
  return kInputs;
}

TEST_CASE("integer_arithmetic_wraps_as_the_isa_says") {
  check("add.s32 %r20, %r10, %r11;", ints(), Result::k32, [](U a, U b, U) { return u32(lo(a) + lo(b)); });
  check("sub.s32 %r20, %r10, %r11;", ints(), Result::k32, [](U a, U b, U) { return u32(lo(a) - lo(b)); });
  check("add.s64 %rd20, %rd10, %rd11;", ints(), Result::k64, [](U a, U b, U) { return a + b; });
  check("sub.s16 %rs20, %rs10, %rs11;", ints(), Result::k16, [](U a, U b, U) { return U{h(a - b)}; });
  check("mul.lo.s32 %r20, %r10, %r11;", ints(), Result::k32, [](U a, U b, U) { return u32(lo(a) * lo(b)); });
  check("mul.lo.s64 %rd20, %rd10, %rd11;", ints(), Result::k64, [](U a, U b, U) { return a * b; });
  check("mul.lo.s16 %rs20, %rs10, %rs11;", ints(), Result::k16, [](U a, U b, U) { return U{h(a * b)}; });
  check("mul.hi.u32 %r20, %r10, %r11;", ints(), Result::k32, [](U a, U b, U) { return U{lo(a)} * lo(b) >> 32; });
  check("mul.hi.s32 %r20, %r10, %r11;", ints(), Result::k32, [](U a, U b, U) { return u32(std::int64_t{si(a)} * si(b) >> 32); });
  check("mul.hi.u64 %rd20, %rd10, %rd11;", ints(), Result::k64, [](U a, U b, U) { return static_cast<U>(static_cast<unsigned __int128>(a) * b >> 64); });
  check("mul.wide.s32 %rd20, %r10, %r11;", ints(), Result::k64, [](U a, U b, U) { return static_cast<U>(std::int64_t{si(a)} * si(b)); });
  check("mul.wide.u32 %rd20, %r10, %r11;", ints(), Result::k64, [](U a, U b, U) { return U{lo(a)} * lo(b); });
  check("mul.wide.s16 %r20, %rs10, %rs11;", ints(), Result::k32, [](U a, U b, U) { return u32(std::int32_t{sh(a)} * sh(b)); });
  check("mul.wide.u16 %r20, %rs10, %rs11;", ints(), Result::k32, [](U a, U b, U) { return U{std::uint32_t{h(a)} * h(b)}; });
  check("mad.lo.s32 %r20, %r10, %r11, %r12;", ints(), Result::k32, [](U a, U b, U c) { return u32(lo(a) * lo(b) + lo(c)); });
  check("mad.wide.u32 %rd20, %r10, %r11, %rd12;", ints(), Result::k64, [](U a, U b, U c) { return U{lo(a)} * lo(b) + c; });
  check("mad.lo.s64 %rd20, %rd10, %rd11, %rd12;", ints(), Result::k64, [](U a, U b, U c) { return a * b + c; });
  check("neg.s32 %r20, %r10;", ints(), Result::k32, [](U a, U, U) { return u32(0 - lo(a)); });
  check("abs.s32 %r20, %r10;", ints(), Result::k32, [](U a, U, U) { return u32(si(a) < 0 ? 0 - lo(a) : lo(a)); });
  check("min.s32 %r20, %r10, %r11;", ints(), Result::k32, [](U a, U b, U) { return u32(std::min(si(a), si(b))); });
  check("max.u32 %r20, %r10, %r11;", ints(), Result::k32, [](U a, U b, U) { return U{std::max(lo(a), lo(b))}; });
  check("min.s64 %rd20, %rd10, %rd11;", ints(), Result::k64, [](U a, U b, U) { return static_cast<U>(std::min(sl(a), sl(b))); });
  check("sad.u32 %r20, %r10, %r11, %r12;", ints(), Result::k32, [](U a, U b, U c) { return u32((lo(a) > lo(b) ? lo(a) - lo(b) : lo(b) - lo(a)) + lo(c)); });
}

TEST_CASE("division_rounds_to_zero_and_survives_zero_and_minus_one") {
  check("div.s32 %r20, %r10, %r11;", ints(), Result::k32, [](U a, U b, U) { return si(b) == 0 ? 0xffffffffu : u32(std::int64_t{si(a)} / si(b)); });
  check("div.u32 %r20, %r10, %r11;", ints(), Result::k32, [](U a, U b, U) { return lo(b) == 0 ? U{0xffffffff} : U{lo(a) / lo(b)}; });
  check("rem.s32 %r20, %r10, %r11;", ints(), Result::k32, [](U a, U b, U) { return si(b) == 0 ? u32(si(a)) : u32(std::int64_t{si(a)} % si(b)); });
  check("rem.u64 %rd20, %rd10, %rd11;", ints(), Result::k64, [](U a, U b, U) { return b == 0 ? a : a % b; });
  check("div.s64 %rd20, %rd10, %rd11;", ints(), Result::k64, [](U a, U b, U) { return b == 0 ? ~U{0} : b == ~U{0} ? 0 - a : static_cast<U>(sl(a) / sl(b)); });
}

TEST_CASE("shifts_clamp_their_amount") {
  check("shl.b32 %r20, %r10, %r11;", ints(), Result::k32, [](U a, U b, U) { return lo(b) > 31 ? U{0} : u32(U{lo(a)} << lo(b)); });
  check("shl.b64 %rd20, %rd10, %r11;", ints(), Result::k64, [](U a, U b, U) { return lo(b) > 63 ? U{0} : a << lo(b); });
  check("shr.u32 %r20, %r10, %r11;", ints(), Result::k32, [](U a, U b, U) { return lo(b) > 31 ? U{0} : U{lo(a) >> lo(b)}; });
  check("shr.s32 %r20, %r10, %r11;", ints(), Result::k32, [](U a, U b, U) { return u32(si(a) >> std::min(lo(b), 31u)); });
  check("shr.s64 %rd20, %rd10, %r11;", ints(), Result::k64, [](U a, U b, U) { return static_cast<U>(sl(a) >> std::min(lo(b), 63u)); });
  check("shr.u16 %rs20, %rs10, %r11;", ints(), Result::k16, [](U a, U b, U) { return lo(b) > 15 ? U{0} : U{h(a)} >> lo(b); });
  check("shf.l.wrap.b32 %r20, %r10, %r11, %r12;", ints(), Result::k32, [](U a, U b, U c) { return u32(static_cast<std::int64_t>(((U{lo(b)} << 32 | lo(a)) << (c & 31)) >> 32)); });
  check("shf.r.wrap.b32 %r20, %r10, %r11, %r12;", ints(), Result::k32, [](U a, U b, U c) { return u32(static_cast<std::int64_t>((U{lo(b)} << 32 | lo(a)) >> (c & 31))); });
  check("shf.r.clamp.b32 %r20, %r10, %r11, %r12;", ints(), Result::k32, [](U a, U b, U c) { return u32(static_cast<std::int64_t>((U{lo(b)} << 32 | lo(a)) >> std::min(lo(c), 32u))); });
}

TEST_CASE("bit_instructions_match_their_definitions") {
  check("and.b32 %r20, %r10, %r11;", ints(), Result::k32, [](U a, U b, U) { return U{lo(a & b)}; });
  check("or.b64 %rd20, %rd10, %rd11;", ints(), Result::k64, [](U a, U b, U) { return a | b; });
  check("xor.b16 %rs20, %rs10, %rs11;", ints(), Result::k16, [](U a, U b, U) { return U{h(a ^ b)}; });
  check("not.b32 %r20, %r10;", ints(), Result::k32, [](U a, U, U) { return U{~lo(a)}; });
  check("popc.b32 %r20, %r10;", ints(), Result::k32, [](U a, U, U) { return static_cast<U>(std::popcount(lo(a))); });
  check("clz.b64 %r20, %rd10;", ints(), Result::k32, [](U a, U, U) { return static_cast<U>(std::countl_zero(a)); });
  check("clz.b32 %r20, %r10;", ints(), Result::k32, [](U a, U, U) { return static_cast<U>(std::countl_zero(lo(a))); });
  check("bfind.u32 %r20, %r10;", ints(), Result::k32, [](U a, U, U) { return lo(a) == 0 ? U{0xffffffff} : static_cast<U>(31 - std::countl_zero(lo(a))); });
  check("bfind.s32 %r20, %r10;", ints(), Result::k32, [](U a, U, U) {
    const std::uint32_t u = si(a) < 0 ? ~lo(a) : lo(a);
    return u == 0 ? U{0xffffffff} : static_cast<U>(31 - std::countl_zero(u));
  });
  check("brev.b32 %r20, %r10;", ints(), Result::k32, [](U a, U, U) {
    std::uint32_t r = 0;
    for (int i = 0; i < 32; ++i) r = r << 1 | (lo(a) >> i & 1);
    return U{r};
  });
  check("lop3.b32 %r20, %r10, %r11, %r12, 0x96;", ints(), Result::k32, [](U a, U b, U c) { return U{lo(a ^ b ^ c)}; });
  check("lop3.b32 %r20, %r10, %r11, %r12, 0xca;", ints(), Result::k32, [](U a, U b, U c) { return U{lo((a & b) | (~a & c))}; });
  check("prmt.b32 %r20, %r10, %r11, 0x7531;", ints(), Result::k32, [](U a, U b, U) {
    return U{(lo(a) >> 8 & 0xff) | (lo(a) >> 24) << 8 | (lo(b) >> 8 & 0xff) << 16 | (lo(b) >> 24) << 24};
  });
  check("prmt.b32 %r20, %r10, %r11, 0x8888;", ints(), Result::k32, [](U a, U, U) { return a & 0x80 ? U{0xffffffff} : U{0}; });
  // Bit fields, written out bit by bit.
  check("bfe.u32 %r20, %r10, %r11, %r12;", ints(), Result::k32, [](U a, U b, U c) {
    const unsigned position = b & 0xff, length = c & 0xff;
    U r = 0;
    for (unsigned i = 0; i < length && i < 32; ++i) r |= (position + i < 32 ? U{lo(a) >> (position + i) & 1} : U{0}) << i;
    return r;
  });
  check("bfe.s32 %r20, %r10, %r11, %r12;", ints(), Result::k32, [](U a, U b, U c) {
    const unsigned position = b & 0xff, length = c & 0xff;
    const unsigned sign = length == 0 ? 0 : lo(a) >> std::min(position + length - 1, 31u) & 1;
    U r = 0;
    for (unsigned i = 0; i < 32; ++i) r |= (i < length && position + i < 32 ? U{lo(a) >> (position + i) & 1} : U{sign}) << i;
    return r;
  });
  check("bfi.b32 %r20, %r10, %r11, %r12, 7;", ints(), Result::k32, [](U a, U b, U c) {
    const unsigned position = c & 0xff;
    U r = lo(b);
    for (unsigned i = 0; i < 7; ++i)
      if (position + i < 32) r = (r & ~(U{1} << (position + i))) | (a >> i & 1) << (position + i);
    return r;
  });
}

TEST_CASE("comparisons_select_and_combine_with_a_predicate") {
  check("setp.lt.s32 %p20, %r10, %r11;", ints(), Result::kPredicate, [](U a, U b, U) { return U{si(a) < si(b)}; });
  check("setp.lt.u32 %p20, %r10, %r11;", ints(), Result::kPredicate, [](U a, U b, U) { return U{lo(a) < lo(b)}; });
  check("setp.ge.s64 %p20, %rd10, %rd11;", ints(), Result::kPredicate, [](U a, U b, U) { return U{sl(a) >= sl(b)}; });
  check("setp.ne.s16 %p20, %rs10, %rs11;", ints(), Result::kPredicate, [](U a, U b, U) { return U{h(a) != h(b)}; });
  check("setp.gt.u32 %p1, %r12, %r10;\nsetp.eq.or.s32 %p20|%p2, %r10, %r11, !%p1;", ints(), Result::kPredicate,
        [](U a, U b, U c) { return U{lo(a) == lo(b) || !(lo(c) > lo(a))}; });
  check("setp.gt.u32 %p1, %r12, %r10;\nsetp.eq.and.s32 %p2|%p20, %r10, %r11, %p1;", ints(), Result::kPredicate,
        [](U a, U b, U c) { return U{lo(a) != lo(b) && lo(c) > lo(a)}; });
  check("setp.lt.s32 %p1, %r10, %r11;\nselp.b32 %r20, %r10, %r12, %p1;", ints(), Result::k32, [](U a, U b, U c) { return U{si(a) < si(b) ? lo(a) : lo(c)}; });
  check("setp.lt.s32 %p1, %r10, 5;\nsetp.gt.s32 %p2, %r11, 9;\nxor.pred %p3, %p1, %p2;\nnot.pred %p20, %p3;", ints(), Result::kPredicate,
        [](U a, U b, U) { return U{(si(a) < 5) == (si(b) > 9)}; });
  check("set.lt.u32.s32 %r20, %r10, %r11;", ints(), Result::k32, [](U a, U b, U) { return si(a) < si(b) ? U{0xffffffff} : U{0}; });
}

TEST_CASE("integers_convert_by_truncation_extension_and_saturation") {
  check("cvt.s64.s32 %rd20, %r10;", ints(), Result::k64, [](U a, U, U) { return static_cast<U>(std::int64_t{si(a)}); });
  check("cvt.u64.u32 %rd20, %r10;", ints(), Result::k64, [](U a, U, U) { return U{lo(a)}; });
  check("cvt.s32.s16 %r20, %rs10;", ints(), Result::k32, [](U a, U, U) { return u32(sh(a)); });
  check("cvt.s32.s8 %r20, %r10;", ints(), Result::k32, [](U a, U, U) { return u32(static_cast<std::int8_t>(a)); });
  check("cvt.u16.u32 %rs20, %r10;", ints(), Result::k16, [](U a, U, U) { return U{h(a)}; });
  check("cvt.sat.s32.s64 %r20, %rd10;", ints(), Result::k32, [](U a, U, U) { return u32(std::clamp<std::int64_t>(sl(a), INT32_MIN, INT32_MAX)); });
  check("cvt.sat.u8.s32 %r20, %r10;", ints(), Result::k32, [](U a, U, U) { return static_cast<U>(std::clamp(si(a), 0, 255)); });
  check("mov.b64 %rd20, {%r10, %r11};", ints(), Result::k64, [](U a, U b, U) { return U{lo(b)} << 32 | lo(a); });
  check("mov.b64 {%r20, %r21}, %rd10;", ints(), Result::k32, [](U a, U, U) { return U{lo(a)}; });
  check("mov.b32 {%rs21, %rs20}, %r10;", ints(), Result::k16, [](U a, U, U) { return U{h(a >> 16)}; });
}

}  // namespace
}  // namespace bsgen::sim::test
