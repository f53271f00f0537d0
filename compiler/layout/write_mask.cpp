#include "compiler/layout/write_mask.h"

#include <fmt/format.h>

#include <iterator>
#include <sstream>

#include "compiler/layout/layout_data.h"
#include "compiler/layout/zip_archive.h"

namespace bsgen::layout {
namespace {

Status refuse(std::string_view path, std::string_view what) {
  return Status(ErrorCode::kUnsupported, fmt::format("mask: {}: {}", path, what));
}

std::span<const std::int32_t> row_of(const Layout& layout, std::int64_t row) {
  const auto offsets = layout.row_offsets();
  return layout.block_cols().subspan(offsets[row], offsets[row + 1] - offsets[row]);
}

// Calls `put(text)` with every row of the mask as grid_cols characters.
template <class Put>
void each_row(const Layout& layout, char absent, char present, const Put& put) {
  std::string line;
  for (std::int64_t row = 0; row < layout.heads() * layout.grid_rows(); ++row) {
    line.assign(static_cast<std::size_t>(layout.grid_cols()), absent);
    for (const std::int32_t col : row_of(layout, row)) line[col] = present;
    put(row, line);
  }
}

std::string to_txt(const Layout& layout) {
  std::string out;
  each_row(layout, '.', '#', [&](std::int64_t row, const std::string& line) {
    if (row > 0 && row % layout.grid_rows() == 0) out += '\n';  // the next head
    out += line;
    out += '\n';
  });
  return out;
}

// An .npy header of version 1, padded so that the data begins at a multiple of 64.
std::string npy_header(std::string_view descr, std::string_view shape) {
  std::string dictionary = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", descr, shape);
  const std::size_t unpadded = 10 + dictionary.size() + 1;
  dictionary.append((64 - unpadded % 64) % 64, ' ');
  dictionary += '\n';
  std::string out = "\x93NUMPY";
  out += '\x01';
  out += '\0';
  out += static_cast<char>(dictionary.size() & 0xff);
  out += static_cast<char>(dictionary.size() >> 8);
  return out + dictionary;
}

template <class Value>
std::string npy_of(std::string_view descr, std::span<const Value> values) {
  std::string out = npy_header(descr, fmt::format("{},", values.size()));
  for (const Value value : values)
    for (std::size_t n = 0; n < sizeof(Value); ++n)
      out += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * n) & 0xff);
  return out;
}

std::string to_npy(const Layout& layout) {
  const std::string grid = fmt::format("{}, {}", layout.grid_rows(), layout.grid_cols());
  std::string out = npy_header("|b1", layout.heads() == 1 ? grid : fmt::format("{}, {}", layout.heads(), grid));
  each_row(layout, '\0', '\1', [&](std::int64_t, const std::string& line) { out += line; });
  return out;
}

Expected<std::string> to_npz(const Layout& layout, std::string_view path) {
  const BlockShape block = layout.block();
  const std::int64_t block_bytes = std::int64_t{block.rows} * block.cols;
  constexpr std::int64_t kMaxData = 0xffff0000;  // zip without its 64-bit extension
  if (layout.num_blocks() > kMaxData / std::max<std::int64_t>(block_bytes, 8))
    return refuse(path, fmt::format("{} blocks of {} x {} are more than 4 GiB; write .npy or .smtx", layout.num_blocks(),
                                    block.rows, block.cols));
  const std::int64_t padded[] = {layout.grid_rows() * block.rows, layout.grid_cols() * block.cols};
  const std::int64_t size[] = {layout.rows(), layout.cols()};
  ZipWriter zip;
  zip.add("indices.npy", npy_of("<i4", layout.block_cols()));
  zip.add("indptr.npy", npy_of("<i8", layout.row_offsets()));
  zip.add("format.npy", npy_header("|S3", "") + "bsr");
  zip.add("shape.npy", npy_of("<i8", std::span<const std::int64_t>(padded)));
  zip.add("data.npy", npy_header("|b1", fmt::format("{}, {}, {}", layout.num_blocks(), block.rows, block.cols)),
          std::string(static_cast<std::size_t>(block_bytes), '\1'), static_cast<std::uint64_t>(layout.num_blocks()));
  if (layout.ragged()) zip.add("bsgen_size.npy", npy_of("<i8", std::span<const std::int64_t>(size)));
  return std::move(zip).finish();
}

// Both element formats hold one element a block, its first, in the matrix's own size: read with the same --block they give
// this layout back.
std::string to_smtx(const Layout& layout) {
  std::string out = fmt::format("{}, {}, {}\n0", layout.rows(), layout.cols(), layout.num_blocks());
  for (std::int64_t row = 0; row < layout.rows(); ++row)
    fmt::format_to(std::back_inserter(out), " {}", layout.row_offsets()[row / layout.block().rows + 1]);
  out += '\n';
  const std::int64_t width = layout.block().cols;
  for (std::size_t n = 0; n < layout.block_cols().size(); ++n)
    fmt::format_to(std::back_inserter(out), "{}{}", n == 0 ? "" : " ", layout.block_cols()[n] * width);
  out += '\n';
  return out;
}

std::string to_mtx(const Layout& layout) {
  std::string out = fmt::format("%%MatrixMarket matrix coordinate pattern general\n% blocks of {}, one element each\n{} {} {}\n",
                                to_string(layout.block()), layout.rows(), layout.cols(), layout.num_blocks());
  for (std::int64_t row = 0; row < layout.grid_rows(); ++row)
    for (const std::int32_t col : row_of(layout, row))
      fmt::format_to(std::back_inserter(out), "{} {}\n", row * layout.block().rows + 1,
                     std::int64_t{col} * layout.block().cols + 1);
  return out;
}

}  // namespace

Expected<std::string> format_mask(const Layout& layout, std::string_view path) {
  const auto ends = [&](std::string_view ending) {
    return path.size() >= ending.size() && path.substr(path.size() - ending.size()) == ending;
  };
  const auto one_head = [&](const auto& write) -> Expected<std::string> {
    if (layout.heads() > 1)
      return refuse(path, fmt::format("holds one matrix, the mask has {} heads; write .npy, .txt or .layout", layout.heads()));
    return write();
  };
  return within_memory([&]() -> Expected<std::string> {
    if (path == "-" || ends(".txt")) return to_txt(layout);
    if (ends(".npy")) return to_npy(layout);
    if (ends(".npz")) return one_head([&] { return to_npz(layout, path); });
    if (ends(".smtx")) return one_head([&] { return Expected<std::string>(to_smtx(layout)); });
    if (ends(".mtx")) return one_head([&] { return Expected<std::string>(to_mtx(layout)); });
    if (ends(".layout")) {
      std::ostringstream out;
      layout.dump(out);
      return std::move(out).str();
    }
    return refuse(path, "ends in none of .txt, .npy, .npz, .smtx, .mtx, .layout");
  });
}

}  // namespace bsgen::layout
