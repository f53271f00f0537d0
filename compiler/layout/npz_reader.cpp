// .npz as scipy.sparse.save_npz writes it: BSR (blocks, read as they are) and CSR (elements, which become blocks). Values
// are never read: a stored block or element is present, whatever it holds.
#include <fmt/format.h>

#include "compiler/layout/element_blocks.h"
#include "compiler/layout/mask_input.h"
#include "compiler/layout/npy.h"
#include "compiler/layout/scanner.h"
#include "compiler/layout/zip_archive.h"

namespace bsgen::layout {
namespace {

class Reader {
 public:
  Reader(const MaskInput& input, ZipArchive archive) : input_(input), archive_(std::move(archive)) {}

  Expected<Layout> read() {
    BSGEN_ASSIGN(const std::vector<std::byte> format_bytes, bytes_of("format.npy"));
    BSGEN_ASSIGN(const std::string format, npy_string(named("format.npy"), format_bytes));
    if (format != "bsr" && format != "csr")
      return input_.error(fmt::format("sparse format \"{}\", bsr and csr are read; save matrix.tocsr()", excerpt(format)));
    BSGEN_ASSIGN(const MatrixSize shape, read_pair("shape.npy"));
    if (shape.rows < 1 || shape.cols < 1 || shape.rows > kMaxSide || shape.cols > kMaxSide)
      return input_.error(
          fmt::format("matrix of {} x {} elements, each side is 1 to {}", shape.rows, shape.cols, kMaxSide));
    BSGEN_ASSIGN(indptr_, integers("indptr.npy"));
    BSGEN_ASSIGN(indices_, integers("indices.npy"));
    BSGEN_ASSIGN(const NpyHeader data, data_header());
    return format == "bsr" ? read_bsr(shape, data) : read_csr(shape, data);
  }

 private:
  std::string named(std::string_view member) const { return fmt::format("{} {}", input_.name, member); }

  Expected<const ZipMember*> member(std::string_view name) const {
    if (const ZipMember* found = archive_.find(name)) return found;
    return input_.error(fmt::format("has no {}; save with scipy.sparse.save_npz", name));
  }
  Expected<std::vector<std::byte>> bytes_of(std::string_view name) const {
    BSGEN_ASSIGN(const ZipMember* found, member(name));
    return archive_.read(*found);
  }
  Expected<std::vector<std::int64_t>> integers(std::string_view name) const {
    BSGEN_ASSIGN(const std::vector<std::byte> bytes, bytes_of(name));
    return npy_integers(named(name), bytes);
  }
  Expected<MatrixSize> read_pair(std::string_view name) const {
    BSGEN_ASSIGN(const std::vector<std::int64_t> sides, integers(name));
    if (sides.size() != 2) return input_.error(fmt::format("{} has {} sizes, a matrix has 2", name, sides.size()));
    return MatrixSize{sides[0], sides[1]};
  }
  Expected<NpyHeader> data_header() const {
    BSGEN_ASSIGN(const ZipMember* found, member("data.npy"));
    BSGEN_ASSIGN(const std::vector<std::byte> begin, archive_.read_prefix(*found, kMaxNpyHeader + 12));
    return parse_npy_header(named("data.npy"), begin, found->bytes);
  }

  // Offsets and indices of either form; `rows` and `cols` in its units.
  Status check(std::int64_t rows, std::int64_t cols, std::int64_t stored) const {
    if (static_cast<std::int64_t>(indptr_.size()) != rows + 1)
      return input_.error(fmt::format("indptr.npy has {} entries for {} rows, {} are needed", indptr_.size(), rows, rows + 1));
    const std::int64_t count = static_cast<std::int64_t>(indices_.size());
    if (stored != count)
      return input_.error(fmt::format("data.npy holds {} entries, indices.npy {}", stored, count));
    if (indptr_[0] != 0) return input_.error(fmt::format("indptr.npy entry 0 is {}, it must be 0", indptr_[0]));
    for (std::int64_t row = 0; row < rows; ++row) {
      if (indptr_[row + 1] < indptr_[row] || indptr_[row + 1] > count)
        return input_.error(fmt::format("indptr.npy entry {} is {} after {}; entries ascend to {}", row + 1, indptr_[row + 1],
                                        indptr_[row], count));
      for (std::int64_t n = indptr_[row]; n < indptr_[row + 1]; ++n) {
        if (indices_[n] < 0 || indices_[n] >= cols)
          return input_.error(fmt::format("indices.npy entry {} is {} in row {}, columns are 0 to {}", n, indices_[n], row, cols - 1));
        if (n > indptr_[row] && indices_[n] <= indices_[n - 1])
          return input_.error(
              fmt::format("indices.npy entry {} is {} after {} in row {}; call sum_duplicates() before saving", n, indices_[n],
                          indices_[n - 1], row));
      }
    }
    if (indptr_[rows] != count)
      return input_.error(fmt::format("indptr.npy ends with {}, there are {} indices", indptr_[rows], count));
    return {};
  }

  Expected<Layout> read_csr(MatrixSize size, const NpyHeader& data) {
    if (data.shape.size() != 1)
      return input_.error(fmt::format("data.npy has {} dimensions, csr data has 1", data.shape.size()));
    BSGEN_ASSIGN(const Shape shape, element_shape(input_, 1, size.rows, size.cols));
    BSGEN_TRY(check(size.rows, size.cols, data.shape[0]));
    return input_.in_file(layout_of_counts(
        {count_csr(std::span<const std::int64_t>(indptr_), std::span<const std::int64_t>(indices_), shape)}, shape,
        input_.options.keep));
  }

  Expected<Layout> read_bsr(MatrixSize size, const NpyHeader& data) {
    BSGEN_TRY(refuse_element_options(input_));
    if (data.shape.size() != 3)
      return input_.error(fmt::format("data.npy has {} dimensions, bsr data has 3", data.shape.size()));
    const std::int64_t block_rows = data.shape[1], block_cols = data.shape[2];
    if (block_rows < 1 || block_cols < 1 || size.rows % block_rows != 0 || size.cols % block_cols != 0)
      return input_.error(fmt::format("blocks of {} x {} do not divide a matrix of {} x {}", block_rows, block_cols, size.rows, size.cols));
    const BlockShape block{static_cast<int>(block_rows), static_cast<int>(block_cols)};
    if (!input_.options.own_block && block != input_.options.block)
      return input_.error(fmt::format("has blocks of {0}, {1} was asked for; use --block {0}", to_string(block),
                                      to_string(input_.options.block)));
    const std::int64_t grid_rows = size.rows / block_rows, grid_cols = size.cols / block_cols;
    BSGEN_TRY(check_grid_against_bytes(input_.name, grid_rows, grid_cols, input_.bytes.size()));
    BSGEN_TRY(check(grid_rows, grid_cols, data.shape[0]));
    // scipy's BSR has whole blocks only; where the matrix really ends is a member that scipy ignores.
    if (archive_.find("bsgen_size.npy") != nullptr) {
      BSGEN_ASSIGN(size, read_pair("bsgen_size.npy"));
    }
    const std::vector<std::int32_t> columns(indices_.begin(), indices_.end());
    return input_.in_file(Layout::from_bsr(indptr_, columns, grid_cols, block, 1, size));
  }

  const MaskInput& input_;
  ZipArchive archive_;
  std::vector<std::int64_t> indptr_, indices_;
};

}  // namespace

Expected<Layout> read_npz(const MaskInput& input) {
  BSGEN_ASSIGN(ZipArchive archive, ZipArchive::open(input.name, input.bytes));
  return Reader(input, std::move(archive)).read();
}

}  // namespace bsgen::layout
