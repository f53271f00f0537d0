// MASK: which reader or generator it means, and getting a file's bytes.
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "compiler/layout/element_blocks.h"
#include "compiler/layout/generators.h"
#include "compiler/layout/mask_input.h"
#include "compiler/layout/scanner.h"

namespace bsgen::layout {

Status MaskInput::error(std::string_view what) const {
  return Status(ErrorCode::kInvalidArgument, fmt::format("mask: {}: {}", name, what));
}

Status refuse_element_options(const MaskInput& input) {
  if (input.options.keep) return input.error("holds blocks, --keep chooses by elements; leave it out");
  if (input.options.elements) return input.error("holds blocks, not elements; leave out --elements");
  return {};
}

Expected<Shape> element_shape(const MaskInput& input, std::int64_t heads, std::int64_t rows, std::int64_t cols) {
  BSGEN_TRY(check_keep(input.options.keep));
  BSGEN_ASSIGN(Shape shape, input.in_file(shape_of_elements(heads, rows, cols, input.options.block)));
  BSGEN_TRY(check_grid_against_bytes(input.name, shape.grid_rows, shape.grid_cols, input.bytes.size()));
  const MatrixSize wanted = input.options.size;
  if (wanted == MatrixSize{}) return shape;
  // Counting needs the file's own size; only the result may end elsewhere in the last block.
  if (const auto ends =
          input.in_file(check_shape(heads, shape.grid_rows, shape.grid_cols, shape.block, wanted));
      !ends)
    return ends.status();
  if (wanted.rows < rows || wanted.cols < cols)
    return input.error(fmt::format("holds {} x {} elements, --size {}x{} would cut some off", rows, cols, wanted.rows,
                                   wanted.cols));
  return shape;
}

Expected<Layout> with_size(const MaskInput& input, Expected<Layout> layout) {
  const MatrixSize wanted = input.options.size;
  if (!layout || wanted == MatrixSize{} || wanted == MatrixSize{layout->rows(), layout->cols()}) return layout;
  return input.in_file(Layout::from_bsr(layout->row_offsets(), layout->block_cols(), layout->grid_cols(),
                                        layout->block(), layout->heads(), wanted));
}

Expected<Layout> dense_mask(const MaskInput& input, const std::vector<std::uint8_t>& bits, std::int64_t heads,
                            std::int64_t rows, std::int64_t cols) {
  if (!input.options.elements) {
    BSGEN_TRY(refuse_element_options(input));
    return input.in_file(
        Layout::from_bits(bits, rows, cols, input.options.block, heads, input.options.size));
  }
  BSGEN_ASSIGN(const Shape shape, element_shape(input, heads, rows, cols));
  std::vector<std::vector<CountedBlock>> counted;
  for (std::int64_t head = 0; head < heads; ++head)
    counted.push_back(count_dense(std::span(bits).subspan(head * rows * cols, rows * cols), shape));
  return input.in_file(layout_of_counts(std::move(counted), shape, input.options.keep));
}

namespace {

struct Format {
  std::string_view ending;
  Expected<Layout> (*read)(const MaskInput&);
};

Expected<Layout> read_text_form(const MaskInput& input) {
  BSGEN_TRY(refuse_element_options(input));
  auto layout = input.in_file(Layout::parse_text(input.text()));
  if (layout && !input.options.own_block && layout->block() != input.options.block)
    return input.error(fmt::format("has blocks of {0}, {1} was asked for; use --block {0}", to_string(layout->block()),
                                   to_string(input.options.block)));
  return layout;
}

constexpr Format kFormats[] = {{".txt", read_txt}, {".npy", read_npy},   {".npz", read_npz},
                               {".mtx", read_mtx}, {".smtx", read_smtx}, {".layout", read_text_form}};
constexpr std::string_view kEndings = ".txt, .npy, .npz, .mtx, .smtx or .layout";

const Format* format_of(std::string_view name) {
  for (const Format& format : kFormats)
    if (name.size() >= format.ending.size() && name.substr(name.size() - format.ending.size()) == format.ending)
      return &format;
  return nullptr;
}

Expected<Layout> read_with(const Format& format, const MaskInput& input) {
  return within_memory([&]() -> Expected<Layout> {
    if (input.bytes.empty()) return input.error("the file is empty");
    return with_size(input, format.read(input));
  });
}

Status io_error(std::string_view path, std::string_view what) {
  return Status(ErrorCode::kIo, fmt::format("mask: {}: {}", path, what));
}

// Everything that `file` has. A mask has at most 2^31 blocks; no text of one needs more than this many bytes.
constexpr std::size_t kMaxBytes = std::size_t{1} << 33;

Expected<std::vector<std::byte>> read_all(std::FILE* file, std::string_view name, std::size_t expected) {
  std::vector<std::byte> bytes;
  bytes.reserve(expected + 1);
  constexpr std::size_t kChunk = std::size_t{1} << 20;
  std::size_t used = 0;
  for (;;) {
    bytes.resize(std::max(used + 1, std::min(used + kChunk, bytes.capacity())));
    const std::size_t got = std::fread(bytes.data() + used, 1, bytes.size() - used, file);
    used += got;
    if (got == 0) break;
    if (used > kMaxBytes) return io_error(name, fmt::format("more than {} bytes", kMaxBytes));
    if (used == bytes.capacity()) bytes.reserve(2 * used + kChunk);
  }
  if (std::ferror(file)) return io_error(name, std::strerror(errno));
  bytes.resize(used);
  return bytes;
}

Expected<Layout> read_standard_input(const MaskOptions& options) {
  constexpr std::string_view kName = "standard input";
  return within_memory([&]() -> Expected<Layout> {
    BSGEN_ASSIGN(const std::vector<std::byte> bytes, read_all(stdin, kName, 0));
    return read_with(kFormats[0], {kName, bytes, options});
  });
}

Expected<Layout> read_file(const std::string& path, const Format& format, const MaskOptions& options) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file) return io_error(path, std::strerror(errno));
  struct stat info{};
  if (fstat(fileno(file.get()), &info) != 0) return io_error(path, std::strerror(errno));
  if (S_ISDIR(info.st_mode)) return io_error(path, "is a directory");
  return within_memory([&]() -> Expected<Layout> {
    const std::size_t size = S_ISREG(info.st_mode) ? static_cast<std::size_t>(info.st_size) : 0;
    if (size > kMaxBytes) return io_error(path, fmt::format("{} bytes, the limit is {}", size, kMaxBytes));
    BSGEN_ASSIGN(const std::vector<std::byte> bytes, read_all(file.get(), path, size));
    return read_with(format, {path, bytes, options});
  });
}

Expected<Layout> run_generator(const std::string& text, const MaskOptions& options) {
  BSGEN_ASSIGN(const GeneratorSpec spec, parse_generator(text, options.seed.value_or(0)));
  BSGEN_TRY(refuse_element_options({text, {}, options}));
  return generate(spec, options.block, options.size);
}

}  // namespace
}  // namespace bsgen::layout

namespace bsgen {

Expected<Layout> read_mask(const std::string& path_or_generator, const MaskOptions& options) {
  if (path_or_generator == "-") return layout::read_standard_input(options);
  if (const layout::Format* format = layout::format_of(path_or_generator))
    return layout::read_file(path_or_generator, *format, options);
  if (path_or_generator.find(':') != std::string::npos)
    return layout::run_generator(path_or_generator, options);
  for (const std::string_view name : layout::generator_names())
    if (path_or_generator == name)
      return Status(ErrorCode::kInvalidArgument,
                    fmt::format("mask: generator {}: the grid is missing; write {}:64x64", name, name));
  return Status(ErrorCode::kInvalidArgument,
                fmt::format("mask: {}: neither a file ending in {} nor a generator like random:64x64:density=0.1",
                            layout::excerpt(path_or_generator), layout::kEndings));
}

Expected<Layout> read_mask_bytes(std::string_view name, std::span<const std::byte> bytes,
                                 const MaskOptions& options) {
  const layout::Format* format = layout::format_of(name);
  if (format == nullptr)
    return Status(ErrorCode::kInvalidArgument,
                  fmt::format("mask: {}: the format is not known by its ending; use {}", name, layout::kEndings));
  return layout::read_with(*format, {name, bytes, options});
}

}  // namespace bsgen
