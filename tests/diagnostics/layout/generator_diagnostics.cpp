#include "bsgen/layout.h"
#include "tests/support/catch.h"

namespace {
std::string refused(const std::string& mask, const bsgen::MaskOptions& options = {}) {
  const auto layout = bsgen::read_mask(mask, options);
  CHECK(exit_status(layout.status().code()) == 2);
  return layout.status().message();
}
}  // namespace

TEST_CASE("an_unknown_generator_is_answered_with_the_nearest") {
  CHECK(refused("bander:8x8:width=3") == "mask: generator \"bander\" is unknown; did you mean banded? There are random, banded, blockdiag, causal, strided, butterfly, bigbird, longformer, smallworld, scalefree, full, empty, bits");
  CHECK(refused("cuasal:8x8") == "mask: generator \"cuasal\" is unknown; did you mean causal? There are random, banded, blockdiag, causal, strided, butterfly, bigbird, longformer, smallworld, scalefree, full, empty, bits");
}

TEST_CASE("keys_that_a_generator_does_not_have_are_answered_with_those_it_has") {
  CHECK(refused("random:8x8:densty=0.1") == "mask: generator random: unknown key \"densty\"; the keys of random are density, seed (optional)");
  CHECK(refused("smallworld:8x8:degree=3,p=1") == "mask: generator smallworld: unknown key \"p\"; the keys of smallworld are degree, rewire (0.1 if not given), seed (optional)");
  CHECK(refused("causal:8x8:width=3") == "mask: generator causal: unknown key \"width\"; causal has no keys");
}

TEST_CASE("missing_repeated_and_bad_values_of_keys") {
  CHECK(refused("random:8x8") == "mask: generator random: density is missing; the keys of random are density, seed (optional)");
  CHECK(refused("random:8x8:density") == "mask: generator random: density has no value; write density=VALUE");
  CHECK(refused("random:8x8:density=0.1,density=0.2") == "mask: generator random: density is given twice; give it once");
  CHECK(refused("random:8x8:density=1.5") == "mask: generator random: density is \"1.5\", give a fraction from 0 to 1");
  CHECK(refused("random:8x8:density=nan") == "mask: generator random: density is \"nan\", give a fraction from 0 to 1");
  CHECK(refused("random:8x8:density=0.5,seed=-1") == "mask: generator random: seed is \"-1\", give an integer from 0 to 2^64 - 1");
  CHECK(refused("banded:8x8:width=4") == "mask: generator banded: width is \"4\", give an odd integer from 1 to 2147483648");
  CHECK(refused("banded:8x8:width=99999999999999999999") == "mask: generator banded: width is \"99999999999999999999\", give an odd integer from 1 to 2147483648");
  CHECK(refused("blockdiag:8x8:size=0") == "mask: generator blockdiag: size is \"0\", give an integer from 1 to 2147483648");
  CHECK(refused("strided:8x8:stride=x\x01y") == "mask: generator strided: stride is \"x\\x01y\", give an integer from 1 to 2147483648");
}

TEST_CASE("grids_that_a_generator_cannot_make") {
  CHECK(refused("full") == "mask: generator full: the grid is missing; write full:64x64");
  CHECK(refused("full:") == "mask: generator full: grid is \"\", give block rows and columns like full:64x64");
  CHECK(refused("full:8") == "mask: generator full: grid is \"8\", give block rows and columns like full:64x64");
  CHECK(refused("full:0x8") == "layout: grid of 0 x 8 blocks, each side is at least 1 (while generating full)");
  CHECK(refused("full:8x-8") == "layout: grid of 8 x -8 blocks, each side is at least 1 (while generating full)");
  CHECK(refused("full:65536x65536") == "layout: 65536 x 65536 blocks, the limit is 2147483648 in all; use larger blocks (while generating full)");
  CHECK(refused("empty:99999999x1") == "layout: 3199999968 rows of elements, the limit is 2147483648");
  CHECK(refused("butterfly:12x16") == "mask: generator butterfly: grid of 12 x 16, both sides must be powers of two");
  CHECK(refused("scalefree:8x9:edges=2") == "mask: generator scalefree: grid of 8 x 9, it must be square");
  CHECK(refused("bits:4x4:hex=f0a") == "mask: generator bits: hex has 3 digits, 1 x 4 x 4 blocks, four a digit, are 4");
  CHECK(refused("bits:2x3:heads=2,hex=f0a1") == "mask: generator bits: hex has 4 digits, 2 x 2 x 3 blocks, four a digit, are 3");
  CHECK(refused("bits:2x2:hex=G") == "mask: generator bits: hex is \"G\", give digits from 0 to f");
  CHECK(refused("bits:2x2") == "mask: generator bits: hex is missing; the keys of bits are hex, heads (1 if not given)");
  CHECK(refused("scalefree:8x8:edges=8") == "mask: generator scalefree: edges is 8, a grid of 8 x 8 allows 1 to 7");
  CHECK(refused("smallworld:8x8:degree=9") == "mask: generator smallworld: degree is 9, a grid of 8 rows allows 0 to 8");
}

TEST_CASE("options_of_element_files_do_not_fit_generators") {
  CHECK(refused("full:8x8", {.keep = 0.5}) == "mask: full:8x8: holds blocks, --keep chooses by elements; leave it out");
  CHECK(refused("full:8x8", {.elements = true}) == "mask: full:8x8: holds blocks, not elements; leave out --elements");
  CHECK(refused("full:8x8", {.size = {300, 256}}) == "layout: 300 rows do not end inside the last of 8 blocks of 32; give 225 to 256");
}
