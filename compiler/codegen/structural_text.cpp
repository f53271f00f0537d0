#include <fmt/format.h>

#include <bit>

#include "compiler/codegen/parts.h"
#include "compiler/plan/geometry.h"
#include "compiler/plan/structural.h"

namespace bsgen::codegen {

namespace {

using analysis::Structure;
using analysis::StructureKind;

// "i", "i + 3", "i - 3".
std::string plus(std::string_view variable, std::int64_t n) {
  if (n == 0) return std::string(variable);
  return fmt::format("{} {} {}", variable, n < 0 ? '-' : '+', n < 0 ? -n : n);
}
// "index / 4", or "index" where dividing by 1 would say nothing.
std::string over(std::string_view value, std::int64_t n) { return n == 1 ? std::string(value) : fmt::format("{} / {}", value, n); }

// Is block (i, j) of the layout there?
std::string present(const Structure& s) {
  switch (s.kind) {
    case StructureKind::kFull: return "true";
    case StructureKind::kBlockDiagonal: return fmt::format("i / {0} == j / {0}", s.size);
    case StructureKind::kLowerTriangle: return "j <= i";
    case StructureKind::kUpperTriangle: return "j >= i";
    case StructureKind::kBand: {
      if (s.offsets.back() - s.offsets.front() + 1 == static_cast<std::int32_t>(s.offsets.size()))
        return fmt::format("j - i >= {} && j - i <= {}", s.offsets.front(), s.offsets.back());
      std::string any;
      for (std::int32_t d : s.offsets) any += fmt::format("{}j - i == {}", any.empty() ? "" : " || ", d);
      return any;
    }
    case StructureKind::kPeriodic: {
      std::string any;
      for (std::int32_t o : s.offsets) any += fmt::format("{}(i - j + {}) % {} == {}", any.empty() ? "" : " || ", s.grid_cols, s.size, o);
      return any;
    }
    case StructureKind::kButterfly: return "(i ^ j) == 0 || ((i ^ j) & ((i ^ j) - 1)) == 0";
    default: return "false";
  }
}

// The place of block (i, j) among the values: blocks of earlier rows plus its rank in its own (compiler/analysis/structure.h).
std::string value_index(const Structure& s) {
  const std::int64_t cols = s.grid_cols;
  switch (s.kind) {
    case StructureKind::kFull: return fmt::format("return i * {} + j;", cols);
    case StructureKind::kBlockDiagonal: {
      const std::int64_t whole = cols / s.size * s.size;
      return fmt::format("return bsgen::dev::min_of(i, {0}) * {1} + bsgen::dev::max_of(0, bsgen::dev::min_of(i - {0}, {1})) * {2} + j - i / {1} * {1};",
                         whole, s.size, cols - whole);
    }
    case StructureKind::kLowerTriangle:
      return fmt::format("const int slope = bsgen::dev::min_of(i, {0});\n    return slope * (slope + 1) / 2 + (i - slope) * {0} + j;", cols);
    case StructureKind::kUpperTriangle:
      return fmt::format("const int rows = bsgen::dev::min_of(i, {0});\n    return rows * {0} - rows * (rows - 1) / 2 + j - i;", cols);
    case StructureKind::kBand: {
      // Diagonal d has a block in the rows -d .. cols - 1 - d.
      std::string text = "int index = 0;\n";
      for (std::int32_t d : s.offsets) {
        const std::int64_t from = std::max<std::int64_t>(0, -d);
        text += fmt::format("    index += bsgen::dev::max_of(0, bsgen::dev::min_of(i, {}) - {});\n", cols - d, from);
        text += fmt::format("    index += {} < j - i && {} >= 0 ? 1 : 0;\n", d, plus("i", d));
      }
      return text + "    return index;";
    }
    case StructureKind::kPeriodic: {
      std::string text = fmt::format("int index = i * {} + j / {} * {};\n", cols / s.size * static_cast<std::int64_t>(s.offsets.size()), s.size, s.offsets.size());
      for (std::int32_t o : s.offsets)
        text += fmt::format("    index += (i + {}) % {} < j % {} ? 1 : 0;\n", s.size - o, s.size, s.size);
      return text + "    return index;";
    }
    case StructureKind::kButterfly: {
      const int bits = std::countr_zero(static_cast<std::uint64_t>(cols));
      return fmt::format(
          "const int bit = i == j ? 0 : 31 - __clz(i ^ j);\n"
          "    const int rank = j == i ? __popc(i) : j < i ? __popc(i >> (bit + 1)) : __popc(i) + 1 + bit - __popc(i & ((1 << bit) - 1));\n"
          "    return i * {} + rank;",
          bits + 1);
    }
    default: return "return 0;";
  }
}

// first(j0, j1) and last(j0, j1) of an interval; s is oriented.
std::string interval_first(const Structure& s) {
  switch (s.kind) {
    case StructureKind::kBlockDiagonal: return fmt::format("j0 / {0} * {0}", s.size);
    case StructureKind::kLowerTriangle: return "j0";
    case StructureKind::kBand: return fmt::format("bsgen::dev::max_of(0, {})", plus("j0", -s.offsets.back()));
    default: return "0";
  }
}
std::string interval_last(const Structure& s) {
  const std::int64_t most = s.grid_rows - 1;
  switch (s.kind) {
    case StructureKind::kEmpty: return "-1";
    case StructureKind::kBlockDiagonal: return fmt::format("bsgen::dev::min_of({0}, (j1 / {1} + 1) * {1} - 1)", most, s.size);
    case StructureKind::kUpperTriangle: return fmt::format("bsgen::dev::min_of({}, j1)", most);
    case StructureKind::kBand: return fmt::format("bsgen::dev::min_of({}, {})", most, plus("j1", -s.offsets.front()));
    default: return fmt::format("{}", most);
  }
}

// count(j) and nth(j, n) of a list; s is oriented.
std::string list_functions(const Structure& s, int pair) {
  std::string count, nth;
  switch (s.kind) {
    case StructureKind::kPeriodic: {
      const std::size_t residues = s.offsets.size();
      count = fmt::format("return {};", s.grid_rows / s.size * static_cast<std::int64_t>(residues));
      // Residues that wrap around come first.
      nth = "int wrapped = 0;\n";
      std::string offset;
      for (std::size_t o = 0; o < residues; ++o) {
        nth += fmt::format("    wrapped += j % {0} + {1} >= {0} ? 1 : 0;\n", s.size, s.offsets[o]);
        offset += o + 1 < residues ? fmt::format("q == {} ? {} : ", o, s.offsets[o]) : fmt::format("{}", s.offsets[o]);
      }
      nth += fmt::format("    const int q = (n % {0} + {0} - wrapped) % {0};\n    return n / {0} * {1} + (j + ({2})) % {1};", residues, s.size, offset);
      break;
    }
    case StructureKind::kBand: {
      // Block rows j - d ascend as d descends; those outside the grid are skipped.
      count = "int rows = 0;\n";
      nth = "int row = 0;\n";
      for (auto d = s.offsets.rbegin(); d != s.offsets.rend(); ++d) {
        const std::string row = plus("j", -*d);
        count += fmt::format("    rows += {0} >= 0 && {0} < {1} ? 1 : 0;\n", row, s.grid_rows);
        nth += fmt::format("    if ({0} >= 0 && {0} < {1} && n-- == 0) row = {0};\n", row, s.grid_rows);
      }
      count += "    return rows;";
      nth += "    return row;";
      break;
    }
    default: {  // butterfly: clearing bits, high to low, then j itself, then setting bits, low to high; a pair shares its lowest bit
      const int low = pair == 2 ? 1 : 0;
      const int bits = std::max(low, std::countr_zero(static_cast<std::uint64_t>(s.grid_rows)));
      count = fmt::format("return {};", bits - low + 1);
      nth = fmt::format(
          "const int set = __popc(j >> {0});\n"
          "    int rank = 0;\n"
          "    if (n == set) return j;\n"
          "    for (int bit = {1}; bit >= {0}; --bit)\n"
          "      if ((j >> bit & 1) && rank++ == n) return j ^ 1 << bit;\n"
          "    ++rank;\n"
          "    for (int bit = {0}; bit <= {1}; ++bit)\n"
          "      if (!(j >> bit & 1) && rank++ == n) return j ^ 1 << bit;\n"
          "    return j;",
          low, bits - 1);
    }
  }
  return fmt::format(
      "  static __device__ __forceinline__ int count(int j) {{\n    {}\n  }}\n"
      "  static __device__ __forceinline__ int nth(int j, int n) {{\n    {}\n  }}\n",
      count, nth);
}

}  // namespace

std::string structural_schedule(const plan::KernelPlan& plan, const Structure& structure) {
  const plan::Geometry g = plan::geometry(plan);
  const bool update = plan.problem.op == Op::kUpdate;
  const int pair = update ? 1 : plan::blocks_per_slice(g, plan.tile);
  const Structure walked = plan::oriented(structure, plan.problem.op);
  const bool is_list = plan::walk_form(walked, plan.tile.panel, pair) == plan::WalkForm::kList;
  const std::int64_t panels_per_head = (g.grid_n + plan.tile.panel - 1) / plan.tile.panel;
  const char* contraction = plan.problem.op == Op::kBprop ? "column" : "row";
  const char* output = plan.problem.op == Op::kBprop ? "row" : "column";

  std::string walk;
  if (is_list) {
    walk = fmt::format("  // the block {}s of block {} j, ascending\n", contraction, output) + list_functions(walked, pair);
  } else {
    walk = fmt::format(
        "  // block {2}s j0 .. j1 meet the block {3}s first .. last\n"
        "  static __device__ __forceinline__ int first(int j0, int j1) {{ return {0}; }}\n"
        "  static __device__ __forceinline__ int last(int j0, int j1) {{ return {1}; }}\n",
        interval_first(walked), interval_last(walked), output, contraction);
  }

  const std::int64_t chunks = update ? std::max<std::int64_t>(1, plan.num_panels / std::max<std::int64_t>(1, plan.heads * panels_per_head)) : 1;
  std::string panel = fmt::format(
      "  static __device__ __forceinline__ bsgen::dev::Panel panel(bsgen::dev::u64, int index) {{\n"
      "    const int head = index / {0}, j0 = {1} * {2};\n",
      panels_per_head * chunks, over(fmt::format("index % {}", panels_per_head * chunks), chunks), plan.tile.panel);
  if (is_list) {
    panel += "    const int from = 0, entries = count(j0);\n";
  } else {
    panel += fmt::format(
        "    const int j1 = bsgen::dev::min_of(j0 + {}, {}) - 1, from = {}, to = last(j0, j1);\n"
        "    const int entries = to < first(j0, j1) ? 0 : {} - from + 1;\n",
        plan.tile.panel, g.grid_n, over("first(j0, j1)", pair), over("to", pair));
  }
  if (update) {
    panel += fmt::format(
        "    const int done = index % {0} * {1};  // each cta takes {1} block rows\n"
        "    return {{head, j0, from + done, bsgen::dev::max_of(0, bsgen::dev::min_of(entries - done, {1}))}};\n  }}\n",
        chunks, plan.tile.gather);
  } else {
    panel += "    return {head, j0, from, entries};\n  }\n";
  }

  const std::string args = update ? "const A&, " : "", pass = update ? "args, " : "", args_named = update ? "const A& args, " : "";
  const std::string head = update ? "  template <class A>\n" : "";
  const int slots = plan.tile.panel * pair;
  const std::string k = fmt::format("group({}panel, e){}", pass, pair == 2 ? " * 2 + slot % 2" : "");
  const std::string n = pair == 2 ? "panel.out_block + slot / 2" : "panel.out_block + slot";
  const bool transposed = plan.problem.op == Op::kBprop;
  return fmt::format(
      "// {}\n"
      "struct Schedule {{\n"
      "  enum : bool {{ kInMemory = false }};\n"
      "  enum : int {{ kUnroll = 1 }};\n"
      "{}"
      "  // block (i, j): is it there, and which of the values is it\n"
      "  static __device__ __forceinline__ bool present(int i, int j) {{ return {}; }}\n"
      "  static __device__ __forceinline__ int value_index(int i, int j) {{\n    {}\n  }}\n\n"
      "{}"
      "{}  static __device__ __forceinline__ int group({}const bsgen::dev::Panel& panel, int e) {{ return {}; }}\n"
      "{}  static __device__ __forceinline__ int value({}const bsgen::dev::Panel& panel, int e, int slot) {{\n"
      "    const int i = {}, j = {};\n"
      "    if (i >= {} || j >= {} || !present(i, j)) return -1;\n"
      "    return panel.head * {} + value_index(i, j);\n"
      "  }}\n"
      "{}  static __device__ __forceinline__ bsgen::dev::u32 mask({}const bsgen::dev::Panel& panel, int e) {{\n"
      "    bsgen::dev::u32 bits = 0;\n"
      "#pragma unroll\n"
      "    for (int slot = 0; slot < {}; ++slot) bits |= value({}panel, e, slot) >= 0 ? 1u << slot : 0u;\n"
      "    return bits;\n"
      "  }}\n"
      "}};\n",
      structure.describe(), walk, present(structure), value_index(structure), panel, head, args,
      is_list ? fmt::format("nth(panel.out_block, panel.first + e){}", pair == 2 ? " / 2" : "") : "panel.first + e", head, args_named,
      transposed ? n : k, transposed ? k : n, structure.grid_rows, structure.grid_cols, plan.num_blocks / std::max<std::int64_t>(1, plan.heads),
      head, args_named, slots, pass);
}

}  // namespace bsgen::codegen
