#include "compiler/analysis/structure.h"
#include "tests/support/catch.h"

using bsgen::Layout;
using bsgen::analysis::recognise;
using bsgen::analysis::Structure;
using bsgen::analysis::StructureKind;

namespace {

Structure of(const std::string& spec) {
  const Structure s = recognise(*bsgen::read_mask(spec, {}));
  CHECK(s.verify().ok());
  return s;
}
std::string text(const std::string& spec) { return of(spec).describe(); }

// The same mask with one block flipped.
Layout flipped(const std::string& spec, std::int64_t at) {
  const Layout l = *bsgen::read_mask(spec, {});
  std::vector<std::uint8_t> bits;
  for (std::int64_t i = 0; i < l.grid_rows(); ++i)
    for (std::int64_t j = 0; j < l.grid_cols(); ++j) bits.push_back(l.present(0, i, j));
  bits[at] ^= 1;
  return *Layout::from_bits(bits, l.grid_rows(), l.grid_cols(), l.block());
}

}  // namespace

TEST_CASE("every_structured_generator_is_recognised") {
  CHECK(text("full:5x7") == "full");
  CHECK(text("empty:5x7") == "empty");
  CHECK(text("blockdiag:12x12:size=3") == "block-diagonal, size 3");
  CHECK(text("blockdiag:12x10:size=4") == "block-diagonal, size 4");
  CHECK(text("blockdiag:10x13:size=4") == "block-diagonal, size 4");
  CHECK(text("banded:9x9:width=1") == "block-diagonal, size 1");
  CHECK(text("banded:9x9:width=5") == "band, offsets -2 -1 0 1 2");
  CHECK(text("banded:4x9:width=3") == "band, offsets -1 0 1");
  CHECK(text("causal:6x6") == "lower-triangle, j <= i");
  CHECK(text("causal:6x9") == "lower-triangle, j <= i");
  CHECK(text("causal:9x6") == "lower-triangle, j <= i");
  CHECK(text("strided:16x16:stride=4") == "periodic, (i - j) mod 4 in 0");
  CHECK(text("strided:64x64:stride=16") == "periodic, (i - j) mod 16 in 0");
  CHECK(text("strided:16x24:stride=5") == "periodic, (i - j) mod 5 in 0");
  CHECK(text("strided:8x8:stride=5") == "band, offsets -5 0 5");
  CHECK(text("butterfly:16x16") == "butterfly");
  CHECK(text("butterfly:8x32") == "butterfly");
  CHECK(text("butterfly:32x8") == "butterfly");
}

TEST_CASE("an_upper_triangle_is_recognised_through_transposition") {
  const Layout causal = *bsgen::read_mask("causal:6x9", {});
  CHECK(recognise(causal.transposed().layout).kind == StructureKind::kUpperTriangle);
}

TEST_CASE("periodic_masks_have_sets_of_residues") {
  std::vector<std::uint8_t> bits(24 * 24);
  for (int i = 0; i < 24; ++i)
    for (int j = 0; j < 24; ++j) bits[i * 24 + j] = (i - j + 24) % 6 == 1 || (i - j + 24) % 6 == 4;
  // Residues 1 and 4 of 6 are residue 1 of 3: the smallest period is found.
  CHECK(recognise(*Layout::from_bits(bits, 24, 24, {8, 8})).describe() == "periodic, (i - j) mod 3 in 1");
  for (int i = 0; i < 24; ++i)
    for (int j = 0; j < 24; ++j) bits[i * 24 + j] = (i - j + 24) % 6 == 1 || (i - j + 24) % 6 == 2;
  CHECK(recognise(*Layout::from_bits(bits, 24, 24, {8, 8})).describe() == "periodic, (i - j) mod 6 in 1 2");
}

TEST_CASE("bands_may_have_gaps_and_lie_aside") {
  std::vector<std::uint8_t> bits(9 * 9);
  for (int i = 0; i < 9; ++i)
    for (int j = 0; j < 9; ++j) bits[i * 9 + j] = j - i == 2 || j - i == -3;
  CHECK(recognise(*Layout::from_bits(bits, 9, 9, {8, 8})).describe() == "band, offsets -3 2");
}

TEST_CASE("one_block_more_or_less_is_no_structure") {
  for (const char* spec : {"full:8x8", "blockdiag:8x8:size=4", "banded:8x8:width=3", "causal:8x8", "strided:8x8:stride=4",
                           "butterfly:8x8", "banded:8x8:width=5"})
    for (const std::int64_t at : {9, 10, 37, 50}) {
      INFO(spec << " flipped at " << at);
      CHECK(recognise(flipped(spec, at)).kind == StructureKind::kNone);
    }
}

TEST_CASE("more_diagonals_than_a_closed_form_lists_are_no_structure") {
  CHECK(text("banded:64x64:width=15").substr(0, 4) == "band");
  CHECK(of("banded:64x64:width=17").kind == StructureKind::kNone);
}

TEST_CASE("heads_share_a_structure_or_have_none") {
  CHECK(recognise(*Layout::from_bits({1, 0, 1, 1, 1, 0, 1, 1}, 2, 2, {8, 8}, 2)).kind == StructureKind::kLowerTriangle);
  CHECK(recognise(*Layout::from_bits({1, 0, 1, 1, 1, 1, 0, 1}, 2, 2, {8, 8}, 2)).kind == StructureKind::kNone);
  CHECK(recognise(*Layout::from_bits({1, 0, 1, 1, 1, 1, 1, 1}, 2, 2, {8, 8}, 2)).kind == StructureKind::kNone);
}
