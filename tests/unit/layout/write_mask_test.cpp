#include "compiler/layout/write_mask.h"
#include "tests/support/catch.h"
#include "tests/support/mask_bytes.h"

using bsgen::Layout;
using bsgen::layout::format_mask;
using bsgen::test::read;

TEST_CASE("every_written_format_reads_back_as_the_same_layout") {
  const Layout l = *Layout::from_bits({1, 0, 0, 1, 0, 0, 0, 0, 1, 1, 1, 1}, 3, 4, {16, 32});
  for (const char* path : {"a.txt", "a.npy", "a.npz", "a.smtx", "a.mtx", "a.layout"}) {
    INFO(path);
    const std::string bytes = *format_mask(l, path);
    CHECK(*read(path, bytes, {.block = {16, 32}}) == l);
  }
}

TEST_CASE("formats_that_know_sizes_keep_ragged_ones") {
  const Layout l = *Layout::from_bits({1, 0, 0, 1}, 2, 2, {16, 32}, 1, {30, 33});
  for (const char* path : {"a.npz", "a.smtx", "a.mtx", "a.layout"}) {
    INFO(path);
    CHECK(*read(path, *format_mask(l, path), {.block = {16, 32}}) == l);
  }
  for (const char* path : {"a.txt", "a.npy"})
    CHECK(*read(path, *format_mask(l, path), {.block = {16, 32}, .size = {30, 33}}) == l);
}

TEST_CASE("stacks_are_written_where_they_fit_and_refused_elsewhere") {
  const Layout l = *Layout::from_bits({1, 0, 0, 1, 0, 1}, 1, 3, {8, 8}, 2);
  for (const char* path : {"a.txt", "a.npy", "a.layout"}) CHECK(*read(path, *format_mask(l, path), {.block = {8, 8}}) == l);
  for (const char* path : {"a.npz", "a.smtx", "a.mtx", "a.jpg"}) CHECK_FALSE(format_mask(l, path));
}

TEST_CASE("an_npz_has_its_own_block_shape") {
  const Layout l = *Layout::from_bits({1, 0, 0, 1}, 2, 2, {16, 8});
  const std::string bytes = *format_mask(l, "a.npz");
  CHECK(*read("a.npz", bytes, {.own_block = true}) == l);
  CHECK_FALSE(read("a.npz", bytes, {.block = {16, 16}}));
}
