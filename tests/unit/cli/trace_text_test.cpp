// What --trace takes, and how the values of 32 lanes are written for a reader.
#include "tools/bsgen/trace_text.h"

#include <bit>

#include "tests/support/catch.h"

namespace bsgen::cli {
namespace {

using sim::ValueView;

std::array<std::uint64_t, 32> lanes(std::uint64_t (*of)(std::uint64_t lane)) {
  std::array<std::uint64_t, 32> values;
  for (std::uint64_t lane = 0; lane < 32; ++lane) values[lane] = of(lane);
  return values;
}

TEST_CASE("trace_words_are_read") {
  const TraceArguments a = *parse_trace("cta=3:1,warp=2,from=212,steps=7,lane=5");
  CHECK(a.request.cta == std::array<std::uint32_t, 3>{3, 1, 0});
  CHECK(a.request.warp == 2);
  CHECK(a.request.from_line == 212);
  CHECK(a.request.max_steps == 7);
  CHECK(a.lane == 5);
  CHECK(!a.request.until_finding);
  CHECK(parse_trace("until=finding")->request.max_steps == 20);
  CHECK(parse_trace("until=finding,steps=3")->request.max_steps == 3);
}

TEST_CASE("trace_words_of_a_finding_read_back") {
  for (const std::array<std::uint32_t, 3> cta : {std::array<std::uint32_t, 3>{4, 0, 0}, {4, 2, 0}, {0, 0, 7}}) {
    const TraceArguments a = *parse_trace(trace_words(cta, 3));
    CHECK(a.request.cta == cta);
    CHECK(a.request.warp == 3);
    CHECK(a.request.until_finding);
  }
  CHECK(trace_words({4, 0, 0}, 3) == "cta=4,warp=3,until=finding");
}

TEST_CASE("trace_words_that_make_no_sense_are_refused_with_the_way_out") {
  const auto refusal = [](const char* text) { return parse_trace(text).status().message(); };
  CHECK(refusal("block=3") == "run: --trace has no \"block\"; the nearest is from (there are cta, warp, from, steps, lane, until)");
  CHECK(refusal("cta=1,5") == "run: --trace has no \"5\"; the nearest is cta (there are cta, warp, from, steps, lane, until)");
  CHECK(refusal("cta=a") == "run: --trace cta \"a\" is not x, x:y or x:y:z");
  CHECK(refusal("cta=1:2:3:4") == "run: --trace cta \"1:2:3:4\" is not x, x:y or x:y:z");
  CHECK(refusal("warp=32") == "run: --trace warp \"32\" is not a whole number from 0 to 31");
  CHECK(refusal("steps=0") == "run: --trace steps \"0\" is not a whole number from 1 to 100000");
  CHECK(refusal("until=end") == "run: --trace until \"end\" is not known; there is until=finding");
}

TEST_CASE("values_are_written_by_their_type") {
  CHECK(value_text(0xffffffff, ValueView::kSigned, 4) == "-1");
  CHECK(value_text(0xffffffff, ValueView::kUnsigned, 4) == "4294967295");
  CHECK(value_text(0xffff, ValueView::kSigned, 2) == "-1");
  CHECK(value_text(0x3f800000, ValueView::kBits, 4) == "0x3f800000");
  CHECK(value_text(31, ValueView::kBits, 4) == "31");
  CHECK(value_text(0x3fc00000, ValueView::kFloat32, 4) == "1.5");
  CHECK(value_text(0x7fc00001, ValueView::kFloat32, 4) == "nan 0x7fc00001");
  CHECK(value_text(0x3e00, ValueView::kFloat16, 2) == "1.5");
  CHECK(value_text(0x3fc0, ValueView::kBfloat16, 2) == "1.5");
  CHECK(value_text(std::bit_cast<std::uint64_t>(0.1), ValueView::kFloat64, 8) == "0.10000000000000001");
  CHECK(value_text(std::uint64_t{1} << 48, ValueView::kSigned, 8) == "0x1000000000000");  // an address, most likely
  CHECK(value_text(1, ValueView::kPredicate, 1) == "true");
}

TEST_CASE("lanes_that_are_alike_or_rise_evenly_are_written_short") {
  const auto same = lanes([](std::uint64_t) { return std::uint64_t{7}; }), even = lanes([](std::uint64_t lane) { return 16 * lane; });
  const auto square = lanes([](std::uint64_t lane) { return lane * lane; });
  CHECK(lanes_text(same, ~0u, ValueView::kUnsigned, 4) == "7");
  CHECK(lanes_text(even, ~0u, ValueView::kUnsigned, 4) == "0, 16, .. 496");
  CHECK(lanes_text(even, 0xff00, ValueView::kUnsigned, 4) == "128, 144, .. 240");
  CHECK(lanes_text(even, 0x5555, ValueView::kUnsigned, 4) == "0:0 2:32 4:64 6:96 .. 14:224");
  CHECK(lanes_text(square, ~0u, ValueView::kUnsigned, 4) == "0:0 1:1 2:4 3:9 .. 31:961");
  CHECK(lanes_text(square, 1u << 9, ValueView::kUnsigned, 4) == "81");
  CHECK(lanes_text(square, 0, ValueView::kUnsigned, 4).empty());
  const auto odd = lanes([](std::uint64_t lane) { return lane % 2; });
  CHECK(lanes_text(odd, 0xff, ValueView::kPredicate, 1) == "true for 1,3,5,7");
  CHECK(lanes_text(same, ~0u, ValueView::kPredicate, 1) == "true");
}

}  // namespace
}  // namespace bsgen::cli
