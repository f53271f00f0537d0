// MASK and the options of every verb that reads one.
#include <fmt/format.h>

#include <charconv>

#include "tools/bsgen/cli.h"

namespace bsgen::cli {
namespace {

Expected<MatrixSize> parse_size(std::string_view text) {
  const auto side = [](std::string_view digits, std::int64_t& out) {
    const char* end = digits.data() + digits.size();
    const auto [rest, error] = std::from_chars(digits.data(), end, out);
    return error == std::errc() && rest == end && !digits.empty() && out > 0;
  };
  const std::size_t cross = text.find('x');
  MatrixSize size;
  if (cross != std::string_view::npos && side(text.substr(0, cross), size.rows) && side(text.substr(cross + 1), size.cols))
    return size;
  return Status(ErrorCode::kInvalidArgument,
                fmt::format("mask: --size \"{}\" is not ROWSxCOLS in elements, like 1000x4096", text.substr(0, 40)));
}

}  // namespace

void add_mask_arguments(CLI::App& verb, MaskArguments& a) {
  verb.add_option("mask", a.mask,
                  "a file (.txt .npy .npz .mtx .smtx .layout, - is text on standard input) or a generator like "
                  "random:64x64:density=0.1")
      ->required()
      ->type_name("MASK");
  const auto group = [](CLI::Option* option) { option->group("Mask"); };
  group(verb.add_option("--block", a.block, "block edge, 32 or 16x32; default 32, or the file's own (.npz in BSR form, .layout)")
            ->type_name("B"));
  group(verb.add_option("--size", a.size, "the matrix in elements, KxN; must end inside the last block; default grid x block")
            ->type_name("KxN"));
  group(verb.add_option("--keep", a.keep, "of an element file keep ceil(F x blocks of the grid), those with the most elements")
            ->type_name("F"));
  group(verb.add_flag("--elements", a.elements, ".npy and .txt hold elements, not blocks"));
  group(verb.add_option("--seed", a.seed, "of generators that draw and are given none, and of reproducible data; default 0")
            ->type_name("N"));
}

Expected<Layout> read_layout(const MaskArguments& a) {
  MaskOptions options;
  options.own_block = a.block.empty();
  if (!a.block.empty()) {
    BSGEN_ASSIGN(options.block, parse_block_shape(a.block));
  }
  if (!a.size.empty()) {
    BSGEN_ASSIGN(options.size, parse_size(a.size));
  }
  options.keep = a.keep;
  options.elements = a.elements;
  options.seed = a.seed;
  return read_mask(a.mask, options);
}

}  // namespace bsgen::cli
