#include <algorithm>

#include "bsgen/layout.h"
#include "tests/support/catch.h"

using bsgen::Layout;

namespace {
template <class T>
std::string refused(const bsgen::Expected<T>& result) {
  CHECK(result.status().code() == bsgen::ErrorCode::kInvalidArgument);
  return result.status().message();
}
using Offsets = std::vector<std::int64_t>;
using Columns = std::vector<std::int32_t>;
}  // namespace

TEST_CASE("what_is_no_grid_is_refused_with_the_limit") {
  CHECK(refused(Layout::from_coo({}, {}, 0, 5, {8, 8})) == "layout: grid of 0 x 5 blocks, each side is at least 1");
  CHECK(refused(Layout::from_coo({}, {}, 65536, 65536, {8, 8})) == "layout: 65536 x 65536 blocks, the limit is 2147483648 in all; use larger blocks");
  CHECK(refused(Layout::from_bits({}, 65536, 4096, {8, 8}, 9)) == "layout: 9 heads of 65536 x 4096 blocks, the limit is 2147483648 in all; use larger blocks");
  CHECK(refused(Layout::from_coo({}, {}, 70000, 2, {65536, 8})) == "layout: 4587520000 rows of elements, the limit is 2147483648");
  CHECK(refused(Layout::from_coo({}, {}, 2, 2, {0, 8})) == "layout: block of 0 x 8, edges are at least 1");
  CHECK(refused(Layout::from_bits({1}, 1, 1, {8, 8}, 0)) == "layout: 0 heads, a stack has at least 1");
  CHECK(refused(Layout::from_elements({}, 0, 8, {8, 8})) == "layout: matrix of 0 x 8 elements, each side is 1 to 2147483648");
}

TEST_CASE("sizes_must_end_inside_the_last_block") {
  CHECK(refused(Layout::from_bits({1, 1}, 2, 1, {16, 16}, 1, {16, 16})) == "layout: 16 rows do not end inside the last of 2 blocks of 16; give 17 to 32");
  CHECK(refused(Layout::from_bits({1, 1}, 1, 2, {16, 16}, 1, {16, 33})) == "layout: 33 columns do not end inside the last of 2 blocks of 16; give 17 to 32");
  CHECK(refused(Layout::from_bits({1, 1}, 1, 2, {16, 16}, 1, {16, 0})) == "layout: size of 16 x 0 elements, each side is at least 1");
}

TEST_CASE("bits_and_bsr_that_do_not_fit_the_grid") {
  CHECK(refused(Layout::from_bits({1, 1, 1}, 2, 2, {8, 8})) == "layout: 3 bits for 1 head of 2 x 2 blocks, 4 are needed");
  CHECK(refused(Layout::from_bsr(Offsets{0, 1}, Columns{4}, 4, {8, 8})) == "layout: block (0, 4) is outside the 1 x 4 grid of a 8 x 32 matrix in 8 x 8 blocks");
  CHECK(refused(Layout::from_bsr(Offsets{0, 2}, Columns{2, 1}, 4, {8, 8})) == "layout: block row 0 lists column 1 after 2; columns ascend without repetition");
  CHECK(refused(Layout::from_bsr(Offsets{0, 2, 1}, Columns{2}, 4, {8, 8})) == "layout: row offset 1 is 2 after 0; offsets ascend to 1");
  CHECK(refused(Layout::from_bsr(Offsets{1, 1}, Columns{2}, 4, {8, 8})) == "layout: row offset 0 is 1, it must be 0");
  CHECK(refused(Layout::from_bsr(Offsets{0, 0}, Columns{2}, 4, {8, 8})) == "layout: the last row offset is 0, there are 1 blocks");
  CHECK(refused(Layout::from_bsr(Offsets{0, 1, 1}, Columns{2}, 4, {8, 8}, 3)) == "layout: 3 row offsets for 3 heads; heads x block rows + 1 are needed");
  CHECK(refused(Layout::from_coo(Columns{3}, Columns{7}, 4, 6, {16, 16}, {64, 96})) == "layout: block (3, 7) is outside the 4 x 6 grid of a 64 x 96 matrix in 16 x 16 blocks");
  CHECK(refused(Layout::from_coo(Columns{3, 3}, Columns{5, 5}, 4, 6, {16, 16})) == "layout: block (3, 5) is given twice; give each once");
  CHECK(refused(Layout::from_coo(Columns{3}, Columns{}, 4, 6, {16, 16})) == "layout: 1 block rows for 0 block columns; a block has one of each");
}

TEST_CASE("block_shapes_that_are_none") {
  for (const char* text : {"", "0", "x", "16x", "16x32x8", "-8", "8.5", "99999999999"}) {
    INFO(text);
    CHECK_FALSE(bsgen::parse_block_shape(text));
  }
  CHECK(refused(bsgen::parse_block_shape("16*32")) == "layout: block shape \"16*32\" is neither an edge like 32 nor ROWSxCOLS like 16x32");
  CHECK(to_string(*bsgen::parse_block_shape("16x32")) == "16x32");
  CHECK(to_string(*bsgen::parse_block_shape("64")) == "64");
}

TEST_CASE("layout_text_that_is_malformed_names_the_line") {
  const auto text = [](std::string body) { return refused(Layout::parse_text("bsgen layout 1\n" + body)); };
  const std::string head = "heads 1\ngrid 2 x 3\nblock 16\nsize 32 x 48\n";
  CHECK(refused(Layout::parse_text("")) == "mask: layout text line 0: the text ends where \"bsgen layout 1\" is expected");
  CHECK(refused(Layout::parse_text("bsgen layout 2\n")) == "mask: layout text line 1: \"bsgen layout 1\" is expected, found \"bsgen layout 2\"");
  CHECK(text("heads many\n") == "mask: layout text line 2: \"heads NUMBER\" is expected, found \"heads many\"");
  CHECK(text("heads 1\ngrid 2 by 3\n") == "mask: layout text line 3: \"grid ROWS x COLS\" is expected, found \"grid 2 by 3\"");
  CHECK(text("heads 1\ngrid 2 x 3\nblock 0\n") == "mask: layout text line 4: layout: block shape \"0\" is neither an edge like 32 nor ROWSxCOLS like 16x32");
  CHECK(text("heads 1\ngrid 2 x 3\nblock 16\nsize 32 x 49\n") == "mask: layout text line 5: layout: 49 columns do not end inside the last of 3 blocks of 16; give 33 to 48");
  CHECK(text(head + "###\n##\n") == "mask: layout text line 7: a row of 2 characters, the grid has 3 block columns");
  CHECK(text(head + "#1#\n") == "mask: layout text line 6: \"1\" at column 1 is neither # nor .");
  CHECK(text(head + "### x3\n") == "mask: layout text line 6: \"x3\" repeats a row; 1 to 2 rows are left");
  CHECK(text(head + ": 0-3\n") == "mask: layout text line 6: \"0-3\" is not a run of columns above -1 and below 3");
  CHECK(text(head + ": 1 0\n") == "mask: layout text line 6: \"0\" is not a run of columns above 1 and below 3");
  CHECK(text(head + "### x2\n") == "mask: layout text line 6: the text ends where \"end\" is expected");
  CHECK(text("heads 1\ngrid 1073741824 x 2\nblock 1\nsize 1073741824 x 2\n:\n") == "mask: layout text: a grid of 1073741824 x 2 blocks from 73 bytes, the limit is 1048649 a side; use larger blocks");
  CHECK(text("heads 1\ngrid 1000000 x 2000\nblock 1\nsize 1000000 x 2000\n: 0-1999 x1000000\n") == "mask: layout text line 6: more than 33555144 blocks from 89 bytes of text; write a .npy file");
}
