#include <sstream>
#include <utility>

#include "runtime/bindings/c/handles.h"

namespace bsgen::c {
namespace {

// 0 stands for the standard edge.
BlockShape block_shape(std::int32_t rows, std::int32_t cols) {
  BlockShape block;
  if (rows != 0) block.rows = rows;
  if (cols != 0) block.cols = cols;
  return block;
}

Status give(Expected<Layout> made, bsgen_layout** layout) {
  BSGEN_TRY(made);
  *layout = new bsgen_layout{*std::move(made)};
  return {};
}

// What makers would read behind the end of their arguments for.
Status check_grid(std::string_view function, std::int64_t heads, std::int64_t rows, std::int64_t cols) {
  std::int64_t blocks = 0;
  if (heads >= 0 && rows >= 0 && cols >= 0 && !__builtin_mul_overflow(rows, cols, &blocks) && !__builtin_mul_overflow(blocks, heads, &blocks)) return {};
  return invalid(std::string(function) + ": a grid of " + std::to_string(heads) + " x " + std::to_string(rows) + " x " + std::to_string(cols) +
                 " blocks is none");
}

}  // namespace
}  // namespace bsgen::c

using namespace bsgen;
using namespace bsgen::c;

extern "C" {

bsgen_status bsgen_layout_from_bits(const std::uint8_t* bits, std::int64_t grid_rows, std::int64_t grid_cols, const bsgen_layout_options* options,
                                    bsgen_layout** layout) {
  return guard([&]() -> Status {
    BSGEN_TRY(require(layout, "bsgen_layout_from_bits", "layout"));
    BSGEN_ASSIGN(const bsgen_layout_options given, read_struct(options, "bsgen_layout_options"));
    const std::int64_t heads = given.heads == 0 ? 1 : given.heads;
    BSGEN_TRY(check_grid("bsgen_layout_from_bits", heads, grid_rows, grid_cols));
    const auto count = static_cast<std::size_t>(heads * grid_rows * grid_cols);
    if (count != 0) BSGEN_TRY(require(bits, "bsgen_layout_from_bits", "bits"));
    return give(Layout::from_bits({bits, count}, grid_rows, grid_cols, block_shape(given.block_rows, given.block_cols), heads,
                                  {given.rows, given.cols}),
                layout);
  });
}

bsgen_status bsgen_layout_from_bsr(const std::int64_t* row_offsets, const std::int32_t* block_cols, std::int64_t grid_rows, std::int64_t grid_cols,
                                   const bsgen_layout_options* options, bsgen_layout** layout) {
  return guard([&]() -> Status {
    BSGEN_TRY(require(layout, "bsgen_layout_from_bsr", "layout"));
    BSGEN_TRY(require(row_offsets, "bsgen_layout_from_bsr", "row_offsets"));
    BSGEN_ASSIGN(const bsgen_layout_options given, read_struct(options, "bsgen_layout_options"));
    const std::int64_t heads = given.heads == 0 ? 1 : given.heads;
    BSGEN_TRY(check_grid("bsgen_layout_from_bsr", heads, grid_rows, grid_cols));
    const std::int64_t blocks = row_offsets[heads * grid_rows];
    if (blocks < 0 || blocks > heads * grid_rows * grid_cols)
      return invalid("bsgen_layout_from_bsr: row_offsets end at " + std::to_string(blocks) + ", the grid has " +
                     std::to_string(heads * grid_rows * grid_cols) + " blocks");
    if (blocks != 0) BSGEN_TRY(require(block_cols, "bsgen_layout_from_bsr", "block_cols"));
    return give(Layout::from_bsr({row_offsets, static_cast<std::size_t>(heads * grid_rows + 1)}, {block_cols, static_cast<std::size_t>(blocks)},
                                 grid_cols, block_shape(given.block_rows, given.block_cols), heads, {given.rows, given.cols}),
                layout);
  });
}

bsgen_status bsgen_layout_read(const char* path_or_generator, const bsgen_mask_options* options, bsgen_layout** layout) {
  return guard([&]() -> Status {
    BSGEN_TRY(require(layout, "bsgen_layout_read", "layout"));
    BSGEN_TRY(require(path_or_generator, "bsgen_layout_read", "path_or_generator"));
    BSGEN_ASSIGN(const bsgen_mask_options given, read_struct(options, "bsgen_mask_options"));
    MaskOptions how;
    how.own_block = given.block_rows == 0 && given.block_cols == 0;
    how.block = block_shape(given.block_rows, given.block_cols);
    how.size = {given.rows, given.cols};
    how.elements = given.elements != 0;
    if (given.has_keep) how.keep = given.keep;
    how.seed = given.seed;
    return give(read_mask(path_or_generator, how), layout);
  });
}

bsgen_status bsgen_layout_get_info(const bsgen_layout* layout, bsgen_layout_info* info) {
  return guard([&]() -> Status {
    BSGEN_TRY(require(layout, "bsgen_layout_get_info", "layout"));
    const Layout& value = layout->value;
    bsgen_layout_info facts{};
    facts.heads = value.heads();
    facts.grid_rows = value.grid_rows();
    facts.grid_cols = value.grid_cols();
    facts.rows = value.rows();
    facts.cols = value.cols();
    facts.num_blocks = value.num_blocks();
    facts.block_rows = value.block().rows;
    facts.block_cols = value.block().cols;
    facts.hash_high = value.hash().high;
    facts.hash_low = value.hash().low;
    return write_struct(info, facts, "bsgen_layout_info");
  });
}

bsgen_status bsgen_layout_get_text(const bsgen_layout* layout, bsgen_blob** text) {
  return guard([&]() -> Status {
    BSGEN_TRY(require(layout, "bsgen_layout_get_text", "layout"));
    BSGEN_TRY(require(text, "bsgen_layout_get_text", "text"));
    std::ostringstream out;
    layout->value.dump(out);
    *text = new bsgen_blob{out.str()};
    return {};
  });
}

void bsgen_layout_release(bsgen_layout* layout) { delete layout; }

}  // extern "C"
