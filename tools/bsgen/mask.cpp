// bsgen mask make|convert|info: generators, converters, and a linter that says what a mask is like before anything is
// compiled.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "compiler/analysis/layout_profile.h"
#include "compiler/layout/write_mask.h"
#include "tools/bsgen/cli.h"

namespace bsgen::cli {
namespace {

using analysis::LayoutProfile;
using analysis::LengthHistogram;

constexpr DType kDTypes[] = {DType::kFp32, DType::kTf32, DType::kFp16, DType::kBf16};

std::int64_t value_bytes(const Layout& layout, DType dtype) {
  return layout.num_blocks() * layout.block().rows * layout.block().cols * size_bytes(dtype);
}

// What a person should know before compiling for this mask.
std::vector<std::string> warnings(const Layout& layout, const LayoutProfile& p) {
  std::vector<std::string> found;
  const auto supported = [](int edge) { return edge == 8 || edge == 16 || edge == 32 || edge == 64 || edge == 128; };
  if (!supported(layout.block().rows) || !supported(layout.block().cols))
    found.push_back(fmt::format("blocks of {} x {} have no kernel; edges are 8, 16, 32, 64 or 128", layout.block().rows,
                                layout.block().cols));
  if (p.num_blocks == 0) {
    found.push_back("no block is present; every output is epilogue(0)");
    return found;
  }
  // A line of the mask is a serial chain of work; one far above the mean sets the time unless it is split.
  constexpr double kFarAbove = 4;
  const auto uneven = [&](std::string_view what, const LengthHistogram& h) {
    if (h.imbalance >= kFarAbove)
      found.push_back(fmt::format("the longest block {} has {} blocks, {:.1f} times the mean of {:.1f}", what, h.max, h.imbalance,
                                  h.mean));
  };
  uneven("row", p.rows);
  uneven("column", p.cols);
  constexpr double kNearlyDense = 0.7;
  if (p.density >= kNearlyDense)
    found.push_back(fmt::format("{:.0f} percent of the blocks are present; a dense kernel is likely to be faster", 100 * p.density));
  return found;
}

// Lengths in at most this many bins of equal width, for the bars.
struct Bin {
  std::int64_t first, last, count;
};
std::vector<Bin> bins_of(const LengthHistogram& h) {
  constexpr std::int64_t kMostBins = 8;
  const std::int64_t width = (h.max - h.min) / kMostBins + 1;
  std::vector<Bin> bins;
  for (std::int64_t first = h.min; first <= h.max; first += width)
    bins.push_back({first, std::min(first + width - 1, h.max), 0});
  for (const auto& [length, count] : h.counts) bins[(length - h.min) / width].count += count;
  return bins;
}

std::string bars(const LengthHistogram& h) {
  constexpr std::int64_t kWidest = 40;
  const std::vector<Bin> bins = bins_of(h);
  const auto longest = std::max_element(bins.begin(), bins.end(), [](const Bin& a, const Bin& b) { return a.count < b.count; });
  std::string out;
  for (const Bin& bin : bins) {
    const std::int64_t length = bin.count == 0 ? 0 : std::max<std::int64_t>(1, bin.count * kWidest / longest->count);
    const std::string range = bin.first == bin.last ? std::to_string(bin.first) : fmt::format("{}-{}", bin.first, bin.last);
    out += fmt::format("  {:>11}  {:<40}  {}\n", range, std::string(static_cast<std::size_t>(length), '#'), bin.count);
  }
  return out;
}

std::string lengths_text(const LengthHistogram& h) {
  return fmt::format("min {}, median {:g}, mean {:.2f}, max {}; imbalance {:.2f}; empty {} of {}", h.min, h.median, h.mean, h.max,
                     h.imbalance, h.empty, h.num_rows);
}

std::string info_text(const Layout& layout, const LayoutProfile& p) {
  std::string out;
  const auto line = [&](std::string_view key, std::string value) { out += fmt::format("{:<13}{}\n", key, value); };
  line("matrix", fmt::format("{} x {} elements{}", layout.rows(), layout.cols(), layout.ragged() ? ", ends inside the last blocks" : ""));
  line("grid", fmt::format("{} x {} blocks of {} x {}", p.grid_rows, p.grid_cols, layout.block().rows, layout.block().cols));
  if (p.heads > 1) line("heads", std::to_string(p.heads));
  line("blocks", fmt::format("{} of {}, density {:.6f}", p.num_blocks, p.heads * p.grid_rows * p.grid_cols, p.density));
  line("structure", p.structure.describe());
  line("hash", layout.hash().hex());
  out += '\n';
  line("row length", lengths_text(p.rows));
  out += bars(p.rows);
  line("col length", lengths_text(p.cols));
  out += bars(p.cols);
  out += '\n';
  line("adjacency", fmt::format("{:.1f} percent of the blocks have a right neighbour, {:.1f} percent a lower one",
                                100 * p.right_adjacency(), 100 * p.lower_adjacency()));
  out += "reuse        blocks served by one loaded operand tile\n";
  out += fmt::format("  {:>11}  {:>7}  {:>7}\n", "panel", "fprop", "bprop");
  for (const int width : analysis::kPanelWidths)
    out += fmt::format("  {:>11}  {:>7.2f}  {:>7.2f}\n", width, p.reuse_fprop(width), p.reuse_bprop(width));
  out += '\n';
  line("cost", fmt::format("{} useful FLOP per token, {:.1f} percent of the dense product", 2 * p.num_elements,
                           100.0 * static_cast<double>(p.num_elements) /
                               (static_cast<double>(p.heads) * static_cast<double>(layout.rows()) * static_cast<double>(layout.cols()))));
  std::string values;
  for (const DType dtype : kDTypes) values += fmt::format("{}{} {}", values.empty() ? "" : ", ", name(dtype), value_bytes(layout, dtype));
  line("value bytes", values);
  for (const std::string& warning : warnings(layout, p)) line("warning", warning);
  return out;
}

nlohmann::json lengths_json(const LengthHistogram& h) {
  nlohmann::json counts = nlohmann::json::array();
  for (const auto& [length, count] : h.counts) counts.push_back({length, count});
  return {{"min", h.min}, {"median", h.median}, {"mean", h.mean}, {"max", h.max}, {"imbalance", h.imbalance},
          {"empty", h.empty}, {"counts", counts}};
}

nlohmann::json info_json(const Layout& layout, const LayoutProfile& p) {
  nlohmann::json reuse = nlohmann::json::array();
  for (const int width : analysis::kPanelWidths)
    reuse.push_back({{"panel", width}, {"fprop", p.reuse_fprop(width)}, {"bprop", p.reuse_bprop(width)}});
  nlohmann::json bytes;
  for (const DType dtype : kDTypes) bytes[std::string(name(dtype))] = value_bytes(layout, dtype);
  nlohmann::json structure{{"kind", analysis::name(p.structure.kind)}, {"text", p.structure.describe()}};
  if (p.structure.size != 0) structure["size"] = p.structure.size;
  if (!p.structure.offsets.empty()) structure["offsets"] = p.structure.offsets;
  return {{"schema", 1},
          {"rows", layout.rows()},
          {"cols", layout.cols()},
          {"heads", p.heads},
          {"grid_rows", p.grid_rows},
          {"grid_cols", p.grid_cols},
          {"block", to_string(layout.block())},
          {"ragged", layout.ragged()},
          {"nonzero_blocks", p.num_blocks},
          {"density", p.density},
          {"hash", layout.hash().hex()},
          {"structure", structure},
          {"row_length", lengths_json(p.rows)},
          {"col_length", lengths_json(p.cols)},
          {"right_adjacency", p.right_adjacency()},
          {"lower_adjacency", p.lower_adjacency()},
          {"reuse", reuse},
          {"useful_flops_per_token", 2 * p.num_elements},
          {"value_bytes", bytes},
          {"warnings", warnings(layout, p)}};
}

Expected<int> info(const MaskArguments& mask, bool json) {
  BSGEN_ASSIGN(const Layout layout, read_layout(mask));
  const LayoutProfile p = analysis::profile(layout);
  BSGEN_TRY(write_output("-", json ? info_json(layout, p).dump(2) + "\n" : info_text(layout, p)));
  return 0;
}

Expected<int> convert(const MaskArguments& mask, const std::string& output) {
  BSGEN_ASSIGN(const Layout layout, read_layout(mask));
  BSGEN_ASSIGN(const std::string bytes, layout::format_mask(layout, output.empty() ? "-" : output));
  const bool binary = output.ends_with(".npy") || output.ends_with(".npz");
  BSGEN_TRY(write_output(output, bytes, binary));
  return 0;
}

void add_output(CLI::App& verb, std::string& output) {
  verb.add_option("-o,--output", output,
                  "the format follows the ending: .txt .npy .npz (BSR) .smtx .mtx .layout (text form); - is .txt on "
                  "standard output, the default")
      ->type_name("FILE");
}

}  // namespace

void add_mask(CLI::App& app, Action& action) {
  struct Arguments {
    MaskArguments mask;
    std::string output;
    bool json = false;
  };
  CLI::App* const mask = app.add_subcommand("mask", "generators, converters and a linter for layouts");
  mask->require_subcommand(1);

  const auto made = std::make_shared<Arguments>();
  CLI::App* const make = mask->add_subcommand("make", "run a generator");
  add_mask_arguments(*make, made->mask);
  add_output(*make, made->output);
  make->callback([made, &action] {
    action = [made]() -> Expected<int> {
      if (made->mask.mask.find(':') == std::string::npos)
        return Status(ErrorCode::kInvalidArgument,
                      fmt::format("mask: make runs a generator like random:64x64:density=0.1, \"{}\" is none; mask convert "
                                  "reads files",
                                  made->mask.mask));
      return convert(made->mask, made->output);
    };
  });

  const auto converted = std::make_shared<Arguments>();
  CLI::App* const convert_verb = mask->add_subcommand("convert", "read a mask and write it in another format");
  add_mask_arguments(*convert_verb, converted->mask);
  add_output(*convert_verb, converted->output);
  convert_verb->callback([converted, &action] {
    action = [converted] { return convert(converted->mask, converted->output); };
  });

  const auto asked = std::make_shared<Arguments>();
  CLI::App* const info_verb = mask->add_subcommand("info", "say what a mask is like: density, lengths, structure, cost, warnings");
  add_mask_arguments(*info_verb, asked->mask);
  info_verb->add_flag("--json", asked->json, "print one JSON object on standard output and nothing else");
  info_verb->callback([asked, &action] {
    action = [asked] { return info(asked->mask, asked->json); };
  });
}

}  // namespace bsgen::cli
