#include "runtime/cpu/cpu_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <ostream>
#include <sstream>

#include "compiler/epilogue/epilogue.h"

namespace bsgen::cpu {
namespace {

constexpr std::string_view kHeader = "bsgen cpu plan 2";

std::int64_t round_up(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }

// Registers that hold sums, and how they are arranged. What is left holds the vectors of one step and, where multiply-adds do not
// take a scalar from memory, the broadcast one.
void choose_tile(CpuPlan& plan) {
  const bool wide = plan.machine.isa >= Isa::kAvx512;
  const int most_lanes = wide ? 16 : plan.machine.isa == Isa::kAvx2 ? 8 : 4;
  if (plan.problem.op == Op::kUpdate) {
    plan.lanes = std::min(most_lanes, plan.block.cols);
    plan.vectors = std::min(2, plan.block.cols / plan.lanes);
    plan.tile_rows = {std::min(plan.block.rows, wide ? 16 / plan.vectors : 8 / plan.vectors)};
    plan.reasons.push_back(fmt::format("update: {} rows x {} vectors of one block, all tokens before the next", plan.tile_rows[0], plan.vectors));
  } else if (plan.rows_are_tokens()) {
    plan.lanes = std::min(most_lanes, plan.outer_block());
    // As wide as a block where registers allow: a list is walked once, its blocks are read from end to end, and its activations once.
    plan.vectors = std::min(wide ? 4 : 2, plan.outer_block() / plan.lanes);
    // A tile of two vectors has few rows, so that a batch of 16 is two equal tiles; of one, which reads as many scalars for half the products, it
    // has as many as fit, and 16 besides.
    constexpr int kSums[] = {0, 28, 16, 0, 24};
    const int sums = wide ? kSums[plan.vectors] : plan.machine.isa == Isa::kAvx2 ? 12 : 8;
    // What is left of the tokens goes through few and small variants, which cost time to compile: eight sums already keep two
    // multiply-adds of latency four busy.
    plan.tile_rows = {sums / plan.vectors};
    for (const int rows : {16 / plan.vectors, plan.vectors == 4 ? 4 : 8 / plan.vectors, 2, 1})
      if (rows < plan.tile_rows.back()) plan.tile_rows.push_back(rows);
    plan.reasons.push_back(fmt::format("{} tokens x {} columns hold {} vectors of sums", plan.tile_rows[0], plan.width(), sums));
  } else {
    plan.lanes = most_lanes;
    plan.vectors = plan.machine.isa == Isa::kPortable ? 2 : 3;
    plan.tile_rows = {wide ? 8 : 4};
    plan.reasons.push_back(fmt::format("tokens are contiguous: vectors of {} tokens, {} outputs a tile", plan.lanes, plan.tile_rows[0]));
  }
}

// Products of pairs need pairs: of tokens update makes them where it packs, of the matrix's own edge there must be an even number, for what W's
// last block holds past the matrix is nobody's.
void choose_arithmetic(CpuPlan& plan) {
  if (plan.problem.dtype != DType::kBf16 || plan.machine.isa < Isa::kAvx512Bf16) return;
  plan.pairs = plan.problem.op == Op::kUpdate || plan.inner() % 2 == 0;
  plan.reasons.push_back(plan.pairs ? "bf16 is multiplied as it is, two steps of the contraction at once"
                                    : fmt::format("bf16 is widened: a contraction of {} elements has no pairs", plan.inner()));
}

// How many tokens stay in L2 while every list walks over them. Rows of a packed panel lie an odd number of cache lines apart: at
// a power of two they would all fall into the same few sets.
void choose_group(CpuPlan& plan) {
  constexpr std::int64_t kLine = 16;  // fp32 elements
  if (plan.problem.op == Op::kUpdate) {
    constexpr std::int64_t kSteps = 128;  // of 32 columns of X and of dY: 32 kB, so a block's tiles find in L1 what the first of them read
    plan.group_tokens = plan.pairs ? 2 * kSteps : kSteps;
    plan.pitch = kSteps + kLine;
    plan.reasons.push_back(fmt::format("panels of X and dY are packed once per {} tokens and serve every block", plan.group_tokens));
    return;
  }
  const std::int64_t half = plan.machine.l2_bytes / 2 / 4;
  if (plan.rows_are_tokens()) {
    plan.pitch = round_up(std::max<std::int64_t>(plan.steps(plan.inner()), 1), kLine);
    if (plan.pitch / kLine % 2 == 0) plan.pitch += kLine;
    const std::int64_t tile = plan.tile_rows[0];
    plan.group_tokens = std::clamp<std::int64_t>(half / plan.pitch / tile * tile, tile, 8 * tile);
    constexpr int kSegmentBytes = 16 << 10;  // of W; a third of L1, beside the next segment and the sums
    plan.segment_blocks = std::max(kSegmentBytes / (plan.block.rows * plan.block.cols * size_bytes(plan.problem.dtype)), 1);
    plan.reasons.push_back(fmt::format("{} blocks of a list serve every tile of a group before the next ones: {} kB of L1", plan.segment_blocks,
                                       plan.segment_blocks * plan.block.rows * plan.block.cols * size_bytes(plan.problem.dtype) / 1024));
  } else {
    plan.pitch = plan.width();
    const std::int64_t tile_steps = std::max<std::int64_t>(plan.steps(plan.inner()), 1) * plan.width();
    plan.group_tokens = std::clamp<std::int64_t>(half / tile_steps, 1, 8) * plan.width();
  }
  plan.reasons.push_back(fmt::format("{} tokens are packed at once: {} kB of {} kB of L2", plan.group_tokens, plan.worker_scratch() * 4 / 1024,
                                     plan.machine.l2_bytes / 1024));
}

template <class T>
bool read_number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

Status malformed(std::string_view what) { return {ErrorCode::kInvalidArgument, fmt::format("cpu plan: {} is missing or malformed", what)}; }

}  // namespace

std::string_view name(Isa isa) {
  switch (isa) {
    case Isa::kPortable: return "portable";
    case Isa::kAvx2: return "avx2";
    case Isa::kAvx512: return "avx512";
    case Isa::kAvx512Bf16: return "avx512-bf16";
  }
  return "?";
}

Expected<Isa> parse_isa(std::string_view text) {
  for (const Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Bf16})
    if (text == name(isa)) return isa;
  return Status(ErrorCode::kInvalidArgument, fmt::format("cpu: \"{}\" is none of portable, avx2, avx512, avx512-bf16", text));
}

int CpuPlan::blocks_ahead() const { return std::clamp(4096 / (block.rows * block.cols * size_bytes(problem.dtype)), 1, 8); }

// Every block loads and stores the sums of its columns, together at most half its own size. Those of all columns leave half of L2 to the rest. More than
// eight tokens have as much to multiply as to read.
std::int64_t CpuPlan::ordered_tokens() const {
  if (problem.op != Op::kFprop || !rows_are_tokens() || outer() == 0) return 0;
  return std::min<std::int64_t>(std::min(block.rows / 8, 8), machine.l2_bytes / 2 / 4 / round_up(outer(), block.cols));
}

std::int64_t CpuPlan::sums_scratch() const {
  if (!rows_are_tokens()) return std::int64_t{tile_rows[0]} * width();
  return std::max(group_tokens * width(), ordered_tokens() * round_up(outer(), block.cols));
}

std::int64_t CpuPlan::worker_scratch() const {
  const std::int64_t sums = sums_scratch();
  if (problem.op == Op::kUpdate) return sums;
  if (rows_are_tokens()) return group_tokens * pitch + sums;
  return group_tokens * std::max<std::int64_t>(steps(inner()), 1) + sums;
}

std::int64_t CpuPlan::launch_scratch() const {
  const std::int64_t elements = num_blocks * block.rows * block.cols;
  if (problem.op == Op::kBprop) return rows_are_tokens() ? steps(elements) : 0;
  if (problem.op != Op::kUpdate) return 0;
  const std::int64_t panels = heads * (round_up(rows, block.rows) + round_up(cols, block.cols)) * pitch;
  return panels + (problem.output() == DType::kFp32 ? 0 : elements);  // sums between passes
}

Status CpuPlan::verify() const {
  const auto wrong = [](std::string what) { return Status(ErrorCode::kInvalidArgument, "cpu plan: " + std::move(what)); };
  for (const int edge : {block.rows, block.cols})
    if (edge != 8 && edge != 16 && edge != 32 && edge != 64 && edge != 128)
      return wrong(fmt::format("blocks of {}, edges are 8, 16, 32, 64 or 128", to_string(block)));
  if (lanes != 4 && lanes != 8 && lanes != 16) return wrong(fmt::format("{} lanes, a vector has 4, 8 or 16", lanes));
  if (vectors < 1 || vectors > 4) return wrong(fmt::format("{} vectors, a tile has 1 to 4", vectors));
  if (tile_rows.empty() || tile_rows.size() > 8) return wrong("no variants of the tile");
  for (std::size_t i = 0; i < tile_rows.size(); ++i)
    if (tile_rows[i] < 1 || tile_rows[i] > 32 || (i > 0 && tile_rows[i] >= tile_rows[i - 1])) return wrong("rows of the tile do not descend");
  if (rows_are_tokens() ? tile_rows.back() != 1 : (problem.op == Op::kUpdate ? block.rows : outer_block()) % tile_rows[0] != 0)
    return wrong("the tiles do not cover a block");
  if (!(rows_are_tokens() || problem.op == Op::kUpdate) ? false : (problem.op == Op::kUpdate ? block.cols : outer_block()) % width() != 0)
    return wrong("the vectors do not cover a block");
  if (pairs && (problem.dtype != DType::kBf16 || machine.isa < Isa::kAvx512Bf16)) return wrong(fmt::format("pairs of {} on {}", name(problem.dtype), name(machine.isa)));
  if (pairs && (problem.op == Op::kUpdate ? group_tokens : inner()) % 2 != 0) return wrong("an odd number of elements has no pairs");
  if (rows_are_tokens() ? segment_blocks < 1 || segment_blocks > 256 : segment_blocks != 0) return wrong(fmt::format("segments of {} blocks", segment_blocks));
  if (group_tokens < 1 || pitch < 1 || heads < 0 || rows < 0 || cols < 0 || num_blocks < 0) return wrong("a negative size");
  return {};
}

void CpuPlan::dump(std::ostream& out) const {
  out << kHeader << '\n';
  problem.dump(out);
  out << fmt::format("block {}\nheads {}\nrows {}\ncols {}\nnum_blocks {}\ncpu {}\nfeatures {}\nisa {}\nl2_bytes {}\n", to_string(block), heads, rows, cols,
                     num_blocks, machine.cpu, machine.features, name(machine.isa), machine.l2_bytes);
  out << fmt::format("lanes {}\nvectors {}\ntile_rows {}\npairs {}\ngroup_tokens {}\npitch {}\nsegment_blocks {}\n", lanes, vectors, fmt::join(tile_rows, ","), int{pairs}, group_tokens,
                     pitch, segment_blocks);
  for (const std::string& reason : reasons) out << "reason " << reason << '\n';
}

std::string CpuPlan::code_key() const {
  CpuPlan code = *this;
  code.reasons.clear();
  code.num_blocks = 0;
  std::ostringstream text;
  code.dump(text);
  return text.str();
}

Expected<CpuPlan> CpuPlan::parse(std::string_view text) {
  CpuPlan plan;
  std::map<std::string_view, std::string_view> fields;
  if (text.substr(0, kHeader.size()) != kHeader) return malformed("the header");
  for (std::size_t begin = text.find('\n'); begin != std::string_view::npos && ++begin < text.size(); begin = text.find('\n', begin)) {
    const std::string_view line = text.substr(begin, text.find('\n', begin) - begin);
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) return malformed(line);
    if (line.substr(0, space) == "reason")
      plan.reasons.emplace_back(line.substr(space + 1));
    else
      fields[line.substr(0, space)] = line.substr(space + 1);
  }
  const auto number = [&](std::string_view key, auto& value) -> Status { return read_number(fields[key], value) ? Status() : malformed(key); };
  BSGEN_ASSIGN(plan.problem.op, parse_op(fields["op"]));
  BSGEN_ASSIGN(plan.problem.dtype, parse_dtype(fields["dtype"]));
  BSGEN_ASSIGN(plan.problem.out_dtype, parse_dtype(fields["out_dtype"]));
  BSGEN_ASSIGN(plan.problem.activations, parse_activations(fields["activations"]));
  BSGEN_TRY(number("align", plan.problem.align));
  plan.problem.accumulate = fields["accumulate"] == "1";
  if (fields["epilogue"] != "acc") plan.problem.epilogue = fields["epilogue"];
  BSGEN_ASSIGN(plan.block, parse_block_shape(fields["block"]));
  BSGEN_TRY(number("heads", plan.heads));
  BSGEN_TRY(number("rows", plan.rows));
  BSGEN_TRY(number("cols", plan.cols));
  BSGEN_TRY(number("num_blocks", plan.num_blocks));
  plan.machine.cpu = fields["cpu"];
  plan.machine.features = fields["features"];
  plan.pairs = fields["pairs"] == "1";
  BSGEN_ASSIGN(plan.machine.isa, parse_isa(fields["isa"]));
  BSGEN_TRY(number("l2_bytes", plan.machine.l2_bytes));
  BSGEN_TRY(number("lanes", plan.lanes));
  BSGEN_TRY(number("vectors", plan.vectors));
  for (std::string_view list = fields["tile_rows"]; !list.empty();) {
    const std::size_t comma = std::min(list.find(','), list.size());
    if (!read_number(list.substr(0, comma), plan.tile_rows.emplace_back())) return malformed("tile_rows");
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  BSGEN_TRY(number("group_tokens", plan.group_tokens));
  BSGEN_TRY(number("pitch", plan.pitch));
  BSGEN_TRY(number("segment_blocks", plan.segment_blocks));
  BSGEN_TRY(plan.verify());
  return plan;
}

CpuPlan choose(const Layout& layout, const Problem& problem, const Machine& machine) {
  CpuPlan plan;
  plan.problem = problem;
  plan.problem.out_dtype = problem.output();
  if (const auto parsed = epilogue::parse(problem.epilogue)) plan.problem.epilogue = parsed->identity() ? "" : parsed->text();
  plan.block = layout.block();
  plan.heads = layout.heads();
  plan.rows = layout.rows();
  plan.cols = layout.cols();
  plan.num_blocks = layout.num_blocks();
  plan.machine = machine;
  choose_arithmetic(plan);
  choose_tile(plan);
  choose_group(plan);
  if (plan.ordered_tokens() > 0) plan.reasons.push_back(fmt::format("up to {} tokens take blocks in the order of W in memory, which is then all they wait for", plan.ordered_tokens()));
  return plan;
}

namespace {

BlockLists lists_of(const CpuPlan& plan, const Layout& layout) {
  const auto offsets = layout.row_offsets();
  const auto columns = layout.block_cols();
  const std::int64_t grid_rows = layout.grid_rows(), grid_cols = layout.grid_cols();
  BlockLists lists;
  lists.entries.resize(columns.size());
  if (plan.problem.op != Op::kFprop) {
    lists.offsets.assign(offsets.begin(), offsets.end());
    for (std::int64_t row = 0; row < layout.heads() * grid_rows; ++row)
      for (std::int64_t i = offsets[row]; i < offsets[row + 1]; ++i) {
        const auto head = row / grid_rows;
        lists.entries[i] = plan.problem.op == Op::kUpdate
                               ? BlockEntry{static_cast<std::int32_t>(row), static_cast<std::int32_t>(head * grid_cols + columns[i])}
                               : BlockEntry{columns[i], static_cast<std::int32_t>(i)};
      }
    return lists;
  }
  lists.offsets.assign(static_cast<std::size_t>(layout.heads() * grid_cols + 1), 0);
  const auto list_of = [&](std::int64_t row, std::int64_t i) { return row / grid_rows * grid_cols + columns[i]; };
  for (std::int64_t row = 0; row < layout.heads() * grid_rows; ++row)
    for (std::int64_t i = offsets[row]; i < offsets[row + 1]; ++i) ++lists.offsets[list_of(row, i) + 1];
  for (std::size_t i = 1; i < lists.offsets.size(); ++i) lists.offsets[i] += lists.offsets[i - 1];
  std::vector<std::int64_t> next(lists.offsets.begin(), lists.offsets.end() - 1);
  for (std::int64_t row = 0; row < layout.heads() * grid_rows; ++row)
    for (std::int64_t i = offsets[row]; i < offsets[row + 1]; ++i)
      lists.entries[next[list_of(row, i)]++] = {static_cast<std::int32_t>(row % grid_rows), static_cast<std::int32_t>(i)};
  return lists;
}

}  // namespace

std::size_t padding_of(const CpuPlan& plan) { return static_cast<std::size_t>(std::max(plan.blocks_ahead(), plan.segment_blocks)); }

BlockLists make_lists(const CpuPlan& plan, const Layout& layout) {
  BlockLists lists = lists_of(plan, layout);
  const BlockEntry last = lists.entries.empty() ? BlockEntry{} : lists.entries.back();
  lists.entries.insert(lists.entries.end(), padding_of(plan), last);
  return lists;
}

}  // namespace bsgen::cpu
