#include "compiler/plan/kernel_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <ostream>
#include <sstream>

#include "compiler/plan/candidates.h"
#include "compiler/plan/geometry.h"
#include "compiler/plan/resources.h"
#include "compiler/support/hash.h"

namespace bsgen::plan {

namespace {

std::string tile_line(const Tile& t) {
  return fmt::format("tokens {} gather {} panel {} warps {}x{} slice {} slices_per_stage {} stages {}", t.tokens, t.gather, t.panel,
                     t.warps_m, t.warps_n, t.slice, t.slices_per_stage, t.num_stages);
}

Status refuse(std::string_view what) { return Status(ErrorCode::kInvalidArgument, fmt::format("plan: {}", what)); }

// One line each, "key value"; the value is the rest of the line.
using Fields = std::map<std::string, std::string, std::less<>>;

Expected<std::string> text(const Fields& fields, std::string_view key) {
  const auto found = fields.find(key);
  if (found == fields.end()) return refuse(fmt::format("the text has no line \"{} ...\"; dump a plan with --emit plan", key));
  return found->second;
}

Expected<std::int64_t> number(std::string_view key, std::string_view value, std::int64_t low, std::int64_t high) {
  std::int64_t n = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), n);
  if (error != std::errc() || end != value.data() + value.size() || n < low || n > high)
    return refuse(fmt::format("{} is \"{}\", a whole number from {} to {} belongs there", key, value, low, high));
  return n;
}

Expected<std::int64_t> number(const Fields& fields, std::string_view key, std::int64_t low, std::int64_t high) {
  BSGEN_ASSIGN(const std::string value, text(fields, key));
  return number(key, value, low, high);
}

Expected<Tile> parse_tile(const std::string& line) {
  std::istringstream in(line);
  std::string key, value;
  Fields words;
  while (in >> key >> value) words[key] = value;
  Tile tile;
  const auto read = [&](std::string_view name, int& to, std::int64_t low, std::int64_t high) -> Status {
    BSGEN_ASSIGN(const std::int64_t n, number(words, name, low, high));
    to = static_cast<int>(n);
    return {};
  };
  BSGEN_TRY(read("tokens", tile.tokens, 0, 1024));
  BSGEN_TRY(read("gather", tile.gather, 0, 64));
  BSGEN_TRY(read("panel", tile.panel, 1, 32));
  BSGEN_TRY(read("slice", tile.slice, 8, 128));
  BSGEN_TRY(read("slices_per_stage", tile.slices_per_stage, 1, 16));
  BSGEN_TRY(read("stages", tile.num_stages, 2, 16));
  BSGEN_ASSIGN(const std::string warps, text(words, "warps"));
  const auto x = warps.find('x');
  if (x == std::string::npos) return refuse(fmt::format("warps is \"{}\", write 4x1", warps));
  BSGEN_ASSIGN(const std::int64_t m, number("warps", std::string_view(warps).substr(0, x), 1, 32));
  BSGEN_ASSIGN(const std::int64_t n, number("warps", std::string_view(warps).substr(x + 1), 1, 32));
  tile.warps_m = static_cast<int>(m);
  tile.warps_n = static_cast<int>(n);
  return tile;
}

Expected<Hash128> parse_hash(const std::string& hex) {
  Hash128 hash;
  const auto half = [&](std::size_t at, std::uint64_t& to) {
    const auto [end, error] = std::from_chars(hex.data() + at, hex.data() + at + 16, to, 16);
    return error == std::errc() && end == hex.data() + at + 16;
  };
  if (hex.size() != 32 || !half(0, hash.high) || !half(16, hash.low)) return refuse(fmt::format("layout_hash \"{}\" is not 32 hex digits", hex));
  return hash;
}

}  // namespace

KernelPlan unchosen(const Layout& layout, const Problem& problem) {
  KernelPlan plan;
  plan.problem = problem;
  plan.heads = layout.heads();
  plan.grid_rows = layout.grid_rows();
  plan.grid_cols = layout.grid_cols();
  plan.rows = layout.rows();
  plan.cols = layout.cols();
  plan.num_blocks = layout.num_blocks();
  plan.block = layout.block();
  plan.layout_hash = layout.hash();
  return plan;
}

Hash128 KernelPlan::code_hash() const {
  if (tier != Tier::kTable) return layout_hash;
  std::ostringstream out;
  problem.dump(out);
  out << layout_class << "\n" << tile_line(tile) << "\n" << arch.name() << "\n" << arithmetic.promote_every << "\n";
  return hash_text(out.str());
}

std::string KernelPlan::entry() const {
  return fmt::format("bsgen_{}_{}_{}", bsgen::name(problem.op), bsgen::name(problem.dtype), code_hash().short_hex());
}

Status KernelPlan::verify() const {
  const auto power = [](std::int64_t n) { return n > 0 && (n & (n - 1)) == 0; };
  const Geometry g = geometry(*this);
  const bool update = problem.op == Op::kUpdate;
  if (tier == Tier::kAuto) return refuse("tier auto is a question, not a choice");
  for (const auto& [what, n] : std::initializer_list<std::pair<const char*, std::int64_t>>{
           {"panel", tile.panel}, {"warps_m", tile.warps_m}, {"warps_n", tile.warps_n}, {"slice", tile.slice},
           {"slices_per_stage", tile.slices_per_stage}, {update ? "gather" : "tokens", update ? tile.gather : tile.tokens}})
    if (!power(n)) return refuse(fmt::format("{} {} is not a power of two", what, n));
  const int rows = update ? tile.gather * g.block_k : tile.tokens, cols = tile.panel * g.block_n;
  if (rows % (16 * tile.warps_m)) return refuse(fmt::format("{} rows are not 16 or a multiple for each of {} warps", rows, tile.warps_m));
  if (cols % (8 * tile.warps_n)) return refuse(fmt::format("{} columns are not 8 or a multiple for each of {} warps", cols, tile.warps_n));
  if (!update) {
    const int least = std::max(g.block_k, g.bytes == 2 ? 16 : 8);
    if (tile.slice > least) return refuse(fmt::format("slice {} is wider than a block of {}", tile.slice, g.block_k));
    if (slices_per_block(g, tile) > 1 && tile.slices_per_stage > 1) return refuse("a slice that is part of a block stands alone in its stage");
    if (tile.panel * blocks_per_slice(g, tile) > 32) return refuse(fmt::format("panel {} has more than 32 presence bits", tile.panel));
  }
  if (tile.slice % std::max(arithmetic.k_step, 4) || tile.slice * g.bytes < 16) return refuse(fmt::format("slice {} is not a multiple of the step", tile.slice));
  if (tile.num_stages < 2 || (!arch.has_cp_async() && tile.num_stages > 2))
    return refuse(fmt::format("{} stages on {}; {}", tile.num_stages, arch.name(), arch.has_cp_async() ? "2 or more" : "exactly 2 without cp.async"));
  if (num_threads != 32 * tile.warps_m * tile.warps_n || num_threads > 1024) return refuse(fmt::format("{} threads do not follow from the tile", num_threads));
  if (const int needed = plan::shared_bytes(*this); shared_bytes != needed)
    return refuse(fmt::format("shared_bytes {} does not follow from the tile, which needs {}", shared_bytes, needed));
  if (shared_bytes > arch.max_shared_bytes())
    return Status(ErrorCode::kUnsupported, fmt::format("plan: {} bytes of shared memory per cta, {} allows {}; try num_stages {}", shared_bytes,
                                                       arch.name(), arch.max_shared_bytes(), std::max(2, tile.num_stages - 1)));
  if (accumulator_registers(*this) > 192)
    return Status(ErrorCode::kUnsupported, fmt::format("plan: {} accumulators per thread, at most 192 fit; use more warps", accumulator_registers(*this)));
  return {};
}

void KernelPlan::dump(std::ostream& out) const {
  out << "bsgen plan 1\n";
  problem.dump(out);
  out << fmt::format("arch {}\nplan_tokens {}\nheads {}\ngrid {}x{}\nsize {}x{}\nblock {}\nnum_blocks {}\nlayout_hash {}\n", arch.name(),
                     options.plan_tokens, heads, grid_rows, grid_cols, rows, cols, to_string(block), num_blocks, layout_hash.hex());
  out << fmt::format("assume_finite {}\nbatch_invariant {}\n", options.assume_finite ? 1 : 0, options.batch_invariant ? 1 : 0);
  out << fmt::format("instruction {}\nk_step {}\npromote_every {}\n", arithmetic.instruction, arithmetic.k_step, arithmetic.promote_every);
  out << fmt::format("tile {}\ntier {}\n", tile_line(tile), name(tier));
  if (!structure.empty()) out << "structure " << structure << "\n";
  if (!layout_class.empty()) out << "class " << layout_class << "\n";
  out << fmt::format("num_threads {}\nshared_bytes {}\nnum_panels {}\n", num_threads, shared_bytes, num_panels);
  for (const std::string& reason : reasons) out << "# " << reason << "\n";
}

Expected<KernelPlan> KernelPlan::parse(std::string_view source) {
  if (source.substr(0, 13) != "bsgen plan 1\n") return refuse("the text does not begin with \"bsgen plan 1\"; dump a plan with --emit plan");
  Fields fields;
  KernelPlan plan;
  for (std::size_t at = 13; at < source.size();) {
    const std::size_t end = std::min(source.find('\n', at), source.size());
    const std::string_view line = source.substr(at, end - at);
    at = end + 1;
    if (line.empty()) continue;
    if (line.substr(0, 2) == "# ") {
      plan.reasons.emplace_back(line.substr(2));
      continue;
    }
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) return refuse(fmt::format("line \"{}\" is not \"key value\"", line));
    if (!fields.emplace(line.substr(0, space), line.substr(space + 1)).second)
      return refuse(fmt::format("{} stands there twice", line.substr(0, space)));
  }
  constexpr std::int64_t kMost = std::int64_t{1} << 31;
  const auto flag = [&](std::string_view key, bool& to) -> Status {
    BSGEN_ASSIGN(const std::int64_t n, number(fields, key, 0, 1));
    to = n != 0;
    return {};
  };
  const auto pair = [&](std::string_view key, std::int64_t& a, std::int64_t& b) -> Status {
    BSGEN_ASSIGN(const std::string value, text(fields, key));
    const auto x = value.find('x');
    if (x == std::string::npos) return refuse(fmt::format("{} is \"{}\", write 64x64", key, value));
    BSGEN_ASSIGN(a, number(key, std::string_view(value).substr(0, x), 0, kMost));
    BSGEN_ASSIGN(b, number(key, std::string_view(value).substr(x + 1), 0, kMost));
    return {};
  };
  BSGEN_ASSIGN(const std::string op, text(fields, "op"));
  BSGEN_ASSIGN(plan.problem.op, parse_op(op));
  BSGEN_ASSIGN(const std::string dtype, text(fields, "dtype"));
  BSGEN_ASSIGN(plan.problem.dtype, parse_dtype(dtype));
  BSGEN_ASSIGN(const std::string out_dtype, text(fields, "out_dtype"));
  BSGEN_ASSIGN(const DType out, parse_dtype(out_dtype));
  if (out != plan.problem.output()) plan.problem.out_dtype = out;
  BSGEN_ASSIGN(const std::string activations, text(fields, "activations"));
  BSGEN_ASSIGN(plan.problem.activations, parse_activations(activations));
  BSGEN_ASSIGN(const std::int64_t align, number(fields, "align", 2, 16));
  plan.problem.align = static_cast<int>(align);
  BSGEN_TRY(flag("accumulate", plan.problem.accumulate));
  BSGEN_ASSIGN(plan.problem.epilogue, text(fields, "epilogue"));
  if (plan.problem.epilogue == "acc") plan.problem.epilogue.clear();
  BSGEN_ASSIGN(const std::string arch, text(fields, "arch"));
  BSGEN_ASSIGN(plan.arch, Arch::parse(arch));
  BSGEN_ASSIGN(plan.options.plan_tokens, number(fields, "plan_tokens", 1, kMost));
  BSGEN_ASSIGN(plan.heads, number(fields, "heads", 1, kMost));
  BSGEN_TRY(pair("grid", plan.grid_rows, plan.grid_cols));
  BSGEN_TRY(pair("size", plan.rows, plan.cols));
  BSGEN_ASSIGN(const std::string block, text(fields, "block"));
  BSGEN_ASSIGN(plan.block, parse_block_shape(block));
  BSGEN_ASSIGN(plan.num_blocks, number(fields, "num_blocks", 0, kMost));
  BSGEN_ASSIGN(const std::string hash, text(fields, "layout_hash"));
  BSGEN_ASSIGN(plan.layout_hash, parse_hash(hash));
  BSGEN_TRY(flag("assume_finite", plan.options.assume_finite));
  BSGEN_TRY(flag("batch_invariant", plan.options.batch_invariant));
  BSGEN_ASSIGN(plan.arithmetic.instruction, text(fields, "instruction"));
  BSGEN_ASSIGN(const std::int64_t k_step, number(fields, "k_step", 1, 32));
  BSGEN_ASSIGN(const std::int64_t promote, number(fields, "promote_every", 0, 1 << 20));
  plan.arithmetic.k_step = static_cast<int>(k_step);
  plan.arithmetic.promote_every = static_cast<int>(promote);
  BSGEN_ASSIGN(const std::string tile, text(fields, "tile"));
  BSGEN_ASSIGN(plan.tile, parse_tile(tile));
  BSGEN_ASSIGN(const std::string tier, text(fields, "tier"));
  BSGEN_ASSIGN(plan.tier, parse_tier(tier));
  if (fields.contains("structure")) plan.structure = fields["structure"];
  if (fields.contains("class")) plan.layout_class = fields["class"];
  BSGEN_ASSIGN(const std::int64_t threads, number(fields, "num_threads", 32, 1024));
  BSGEN_ASSIGN(const std::int64_t shared, number(fields, "shared_bytes", 0, 1 << 20));
  plan.num_threads = static_cast<int>(threads);
  plan.shared_bytes = static_cast<int>(shared);
  BSGEN_ASSIGN(plan.num_panels, number(fields, "num_panels", 0, kMost));
  BSGEN_TRY(plan.verify());
  return plan;
}

}  // namespace bsgen::plan
