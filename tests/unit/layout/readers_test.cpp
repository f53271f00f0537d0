#include "tests/support/catch.h"
#include "tests/support/mask_bytes.h"

using namespace std::string_literals;
using bsgen::Layout;
using bsgen::MaskOptions;
using bsgen::test::npy;
using bsgen::test::read;

namespace {
// #.#
// .#.
const Layout kSmall = *Layout::from_bits({1, 0, 1, 0, 1, 0}, 2, 3, {32, 32});
const MaskOptions kPairs{.block = {2, 2}};
}  // namespace

TEST_CASE("text_masks_are_digits_or_pictures_with_any_blanks") {
  CHECK(*read("a.txt", "101\n010\n") == kSmall);
  CHECK(*read("a.txt", "#.#\r\n.#.") == kSmall);
  CHECK(*read("a.txt", "1 0 1\n0,1,0\n\n\n") == kSmall);
  CHECK(*read("a.txt", "10#\n\t.1.\n") == kSmall);
}

TEST_CASE("an_empty_line_starts_the_next_head") {
  CHECK(*read("a.txt", "10\n01\n\n11\n00\n") == *Layout::from_bits({1, 0, 0, 1, 1, 1, 0, 0}, 2, 2, {32, 32}, 2));
  CHECK_FALSE(read("a.txt", "10\n01\n\n11\n"));
}

TEST_CASE("npy_masks_of_every_integer_type_order_and_rank") {
  CHECK(*read("a.npy", npy("{'descr': '|b1', 'fortran_order': False, 'shape': (2, 3), }", "\1\0\1\0\1\0"s)) == kSmall);
  CHECK(*read("a.npy", npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", "\1\0\0\2\1\0"s)) == kSmall);
  CHECK(*read("a.npy", npy("{\"shape\": (2, 3), 'fortran_order': False, 'descr': '<i2'}",
                           "\0\1\0\0\1\0\0\0\xff\xff\0\0"s)) == kSmall);
  CHECK(*read("a.npy", npy("{'descr': '>i4', 'fortran_order': False, 'shape': (1, 2)}", "\0\0\0\1\0\0\0\0"s)) ==
        *Layout::from_bits({1, 0}, 1, 2, {32, 32}));
  CHECK(*read("a.npy", npy("{'descr': '|i1', 'fortran_order': False, 'shape': (2, 1, 2)}", "\1\0\0\1"s)) ==
        *Layout::from_bits({1, 0, 0, 1}, 1, 2, {32, 32}, 2));
  CHECK(*read("a.npy", npy("{'descr': '|i1', 'fortran_order': True, 'shape': (2, 1, 2)}", "\1\0\0\1"s)) ==
        *Layout::from_bits({1, 0, 0, 1}, 1, 2, {32, 32}, 2));
}

TEST_CASE("elements_of_text_and_npy_become_blocks_when_asked") {
  MaskOptions options = kPairs;
  options.elements = true;
  const Layout expected = *Layout::from_bits({1, 0}, 1, 2, {2, 2}, 1, {2, 3});
  CHECK(*read("a.txt", "000\n100\n", options) == expected);
  CHECK(*read("a.npy", npy("{'descr': '|b1', 'fortran_order': False, 'shape': (2, 3), }", "\0\0\0\1\0\0"s), options) ==
        expected);
  options.size = {2, 4};
  CHECK(read("a.txt", "000\n100\n", options)->cols() == 4);
  options.size = {2, 5};
  CHECK_FALSE(read("a.txt", "000\n100\n", options));
  options.size = {1, 3};
  CHECK_FALSE(read("a.txt", "000\n100\n", options));
}

TEST_CASE("keep_counts_elements_of_each_head_apart") {
  MaskOptions options = kPairs;
  options.elements = true;
  options.keep = 0.5;
  CHECK(*read("a.txt", "1101\n0000\n\n0011\n1000\n", options) == *Layout::from_bits({1, 0, 0, 1}, 1, 2, {2, 2}, 2));
}

TEST_CASE("matrix_market_patterns_values_and_symmetries") {
  const auto mtx = [](std::string_view kind, std::string_view rest) {
    return read("a.mtx", "%%MatrixMarket matrix coordinate " + std::string(kind) + "\n" + std::string(rest), kPairs);
  };
  const Layout corner = *Layout::from_bits({0, 1, 0, 0}, 2, 2, {2, 2}, 1, {4, 4});
  CHECK(*mtx("pattern general", "% comment\n\n4 4 1\n1 4\n") == corner);
  CHECK(*mtx("real general", "4 4 1\n2 3 -1.5e-3\n") == corner);
  CHECK(*mtx("Integer General", "4 4 1\n1 4 +7") == corner);
  CHECK(*mtx("complex general", "4 4 1\n1 4 0.5 1e400\n") == corner);
  CHECK(*mtx("pattern general", "4 4 2\n2 4\n1 3\n") == corner);
  const Layout both = *Layout::from_bits({0, 1, 1, 0}, 2, 2, {2, 2}, 1, {4, 4});
  CHECK(*mtx("pattern symmetric", "4 4 1\n4 1\n") == both);
  CHECK(*mtx("real skew-symmetric", "4 4 1\n4 1 2\n") == both);
  CHECK(mtx("pattern symmetric", "4 4 1\n2 2\n")->num_blocks() == 1);
  CHECK(mtx("pattern general", "4 4 0\n")->num_blocks() == 0);
}

TEST_CASE("smtx_patterns_become_blocks") {
  CHECK(*read("a.smtx", "3, 5, 3\n0 1 1 3\n4 0 1\n", kPairs) ==
        *Layout::from_bits({0, 0, 1, 1, 0, 0}, 2, 3, {2, 2}, 1, {3, 5}));
  CHECK(read("a.smtx", "2, 2, 0\n0 0 0\n\n", kPairs)->num_blocks() == 0);
  CHECK(read("a.smtx", "2, 2, 0\n0 0 0", kPairs)->num_blocks() == 0);
}

TEST_CASE("the_text_form_is_a_mask_file_too") {
  const std::string text = "bsgen layout 1\nheads 1\ngrid 2 x 3\nblock 16\nsize 32 x 48\n#.#\n.#.\nend\n";
  CHECK_FALSE(read("a.layout", text));
  CHECK(*read("a.layout", text, {.own_block = true}) == *Layout::from_bits({1, 0, 1, 0, 1, 0}, 2, 3, {16, 16}));
  CHECK(*read("a.layout", text, {.block = {16, 16}}) == *Layout::from_bits({1, 0, 1, 0, 1, 0}, 2, 3, {16, 16}));
}
