// What the page draws, as JSON: the mask and the schedule coded compactly, everything else in plain
// words and numbers.
#include <openssl/evp.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

#include "compiler/plan/geometry.h"
#include "tools/bsgen/plan_text.h"
#include "tools/bsgen/profile.h"
#include "tools/bsgen/view/page.h"
#include "runtime/sim/ptx/source_map.h"

namespace bsgen::cli {
namespace {

// Budgets that keep the page at 5 MB: the mask and the panels take at most 3 + 1 MB of base64, so
// text may take the rest.
constexpr std::size_t kMostPtxBytes = 600 << 10, kMostPtxLines = 16000;
constexpr std::size_t kMostCudaBytes = 200 << 10, kMostHeaderBytes = 60 << 10;
constexpr std::size_t kMostPanelBytes = 700 << 10;

class Varints {
 public:
  void add(std::uint64_t value) {
    for (; value >= 128; value >>= 7) bytes_ += static_cast<char>((value & 127) | 128);
    bytes_ += static_cast<char>(value);
  }
  void add_signed(std::int64_t value) {
    add(value >= 0 ? 2 * static_cast<std::uint64_t>(value)
                   : 2 * static_cast<std::uint64_t>(-(value + 1)) + 1);
  }
  std::size_t size() const { return bytes_.size(); }
  std::string base64() const {
    std::string text(4 * ((bytes_.size() + 2) / 3) + 1, '\0');
    const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                       reinterpret_cast<const unsigned char*>(bytes_.data()),
                                       static_cast<int>(bytes_.size()));
    text.resize(static_cast<std::size_t>(length));
    return text;
  }

 private:
  std::string bytes_;
};

// Each row: how many blocks, then the gaps between their columns.
Json layout_model(const Layout& layout) {
  Varints coded;
  const auto offsets = layout.row_offsets();
  const auto cols = layout.block_cols();
  for (std::size_t row = 0; row + 1 < offsets.size(); ++row) {
    coded.add(static_cast<std::uint64_t>(offsets[row + 1] - offsets[row]));
    std::int64_t before = -1;
    for (std::int64_t e = offsets[row]; e < offsets[row + 1]; ++e) {
      coded.add(static_cast<std::uint64_t>(cols[e] - before - 1));
      before = cols[e];
    }
  }
  return {{"heads", layout.heads()},
          {"grid_rows", layout.grid_rows()},
          {"grid_cols", layout.grid_cols()},
          {"block_rows", layout.block().rows},
          {"block_cols", layout.block().cols},
          {"rows", layout.rows()},
          {"cols", layout.cols()},
          {"blocks", layout.num_blocks()},
          {"density", layout.density()},
          {"hash", layout.hash().hex()},
          {"coded", coded.base64()}};
}

// Panels in launch order: output block as a difference, entries, and for update which chunk of its
// columns' rows it is. The entries themselves follow from the mask (Schedule::verify holds: every
// block once, in ascending order), so they need not travel.
void add_panels(Json& model, const plan::KernelPlan& plan, const plan::Schedule& schedule) {
  const plan::Geometry g = plan::geometry(plan);
  const std::int64_t grid_n = g.grid_n;
  const bool update = plan.problem.op == Op::kUpdate;
  std::unordered_map<std::int64_t, std::int32_t> list_first;
  if (update)
    for (const plan::Panel& p : schedule.panels) {
      const auto [known, fresh] = list_first.try_emplace(p.head * grid_n + p.out_block, p.first);
      if (!fresh) known->second = std::min(known->second, p.first);
    }
  Varints coded;
  std::int64_t before = 0;
  std::size_t shown = 0;
  for (const plan::Panel& p : schedule.panels) {
    if (coded.size() > kMostPanelBytes) break;
    const std::int64_t at = p.head * grid_n + p.out_block;
    coded.add_signed(at - before);
    coded.add(static_cast<std::uint64_t>(p.count));
    const std::int32_t gather = std::max(1, plan.tile.gather);
    coded.add(update ? static_cast<std::uint64_t>((p.first - list_first[at] + gather - 1) / gather)
                     : 0);
    before = at;
    ++shown;
  }
  model["num_panels"] = schedule.panels.size();
  model["panels_shown"] = shown;
  model["panels_coded"] = coded.base64();
  model["blocks_per_entry"] = update ? 1 : plan::blocks_per_slice(g, plan.tile);
}

Json plan_model(const PageInput& input) {
  const plan::KernelPlan& plan = input.plan;
  Json model = {{"tier", name(plan.tier)},
                {"structure", plan.structure},
                {"layout_class", plan.layout_class},
                {"num_threads", plan.num_threads},
                {"shared_bytes", plan.shared_bytes},
                {"max_shared_bytes", plan.arch.max_shared_bytes()},
                {"max_shared_bytes_per_sm", plan.arch.max_shared_bytes_per_sm()},
                {"plan_tokens", plan.options.plan_tokens},
                {"entry", plan.entry()},
                {"tile", tile_json(plan.tile)},
                {"arithmetic", arithmetic_json(plan.arithmetic)},
                {"reasons", plan.reasons},
                {"candidates", candidates_json(plan)}};
  add_panels(model, plan, input.schedule);
  return model;
}

// At most `most` bytes, ending with a whole line.
std::string cut(const std::string& text, std::size_t most, bool& was_cut) {
  was_cut = text.size() > most;
  if (!was_cut) return text;
  const std::size_t line = text.rfind('\n', most);
  return text.substr(0, line == std::string::npos ? most : line);
}

// The generated file, then every template that a PTX line came from, in order of first use; `index`
// of each name.
Json sources_model(const PageInput& input, const sim::ptx::SourceMap& map, std::vector<int>& source_of_file) {
  Json sources = Json::array();
  const auto add = [&](const std::string& name, const std::string& text, std::size_t most) {
    bool was_cut = false;
    sources.push_back({{"name", name}, {"text", cut(text, most, was_cut)}, {"truncated", was_cut}});
    return static_cast<int>(sources.size()) - 1;
  };
  add(input.source.name, input.source.cuda, kMostCudaBytes);
  const auto ends_with = [](const std::string& path, const std::string& name) {
    return path.size() >= name.size() &&
           path.compare(path.size() - name.size(), name.size(), name) == 0;
  };
  for (const std::string& file : map.files) {
    int found = -1;
    if (ends_with(file, input.source.name)) {
      found = 0;
    } else {
      for (const auto& [name, text] : input.source.headers)
        if (ends_with(file, name)) {
          found = add(name, text, kMostHeaderBytes);
          break;
        }
    }
    source_of_file.push_back(found);
  }
  return sources;
}

void add_code(Json& model, const PageInput& input) {
  if (!input.image) {
    std::vector<int> none;
    model["sources"] = sources_model(input, {}, none);
    model["ptx"] = nullptr;
    model["ptx_note"] = input.image_note;
    return;
  }
  const std::string& ptx = input.image->ptx;
  const sim::ptx::SourceMap map = sim::ptx::map_ptx(ptx);
  std::vector<int> source_of_file;
  model["sources"] = sources_model(input, map, source_of_file);

  bool was_cut = false;
  std::string text = cut(ptx, kMostPtxBytes, was_cut);
  std::size_t lines = 0, end = 0;
  while (lines < kMostPtxLines && end < text.size()) {
    const std::size_t next = text.find('\n', end);
    end = next == std::string::npos ? text.size() : next + 1;
    ++lines;
  }
  was_cut = was_cut || end < text.size();
  text.resize(end);
  while (!text.empty() && text.back() == '\n') text.pop_back();

  Json chains = Json::array();
  for (const sim::ptx::SourceMap::Chain& chain : map.chains) {
    Json places = Json::array();
    for (const auto& [file, line] : chain)
      if (source_of_file[file] >= 0) places.push_back({source_of_file[file], line});
    chains.push_back(std::move(places));
  }
  std::vector<int> of_line(
      map.lines.begin(),
      map.lines.begin() + static_cast<std::ptrdiff_t>(std::min(map.lines.size(), lines)));
  model["ptx"] = {{"text", text},
                  {"lines", std::count(ptx.begin(), ptx.end(), '\n')},
                  {"truncated", was_cut},
                  {"chains", std::move(chains)},
                  {"chain_of_line", std::move(of_line)}};
}

Json report_model(const PageInput& input) {
  if (!input.image) return nullptr;
  const KernelImage& image = *input.image;
  return {{"assembled", !image.cubin.empty()},
          {"registers", image.resources.registers},
          {"spill_bytes", image.resources.spill_bytes},
          {"local_bytes", image.resources.local_bytes},
          {"code_bytes", image.resources.code_bytes},
          {"plan_ms", input.report.plan_ms},
          {"codegen_ms", input.report.codegen_ms},
          {"nvrtc_ms", input.report.nvrtc_ms},
          {"assemble_ms", input.report.assemble_ms},
          {"source", name(input.report.origin)},
          {"key", input.report.key}};
}

// What the hottest PTX lines spent: [line from 0, share of the predicted time, executions, lanes, global bytes, wavefronts, ideal, waits,
// bytes asked for, FLOP of the tensor core, class].
Json heat_model(const PageInput& input) {
  constexpr std::size_t kMostLines = 4000;
  Json lines = Json::array();
  if (!input.image) return lines;
  const Quotes quotes(input.image->ptx, input.source);
  const plan::Machine* machine = plan::find_machine(input.run->prediction.gpu);
  const Profile profile = make_profile(input.run->report, quotes, machine ? *machine : plan::machine(input.plan.arch), input.plan.problem.dtype == DType::kTf32);
  for (const ProfileRow& row : profile.instructions) {
    if (lines.size() >= kMostLines) break;
    const sim::InstructionProfile& p = row.sum;
    lines.push_back({p.ptx_line - 1, profile.heat > 0 ? std::round(row.heat / profile.heat * 1e6) / 1e6 : 0, p.executions,
                     std::round(static_cast<double>(p.active_lanes) / static_cast<double>(p.executions) * 10) / 10,
                     p.global_read_bytes + p.global_write_bytes, p.shared_wavefronts, p.shared_wavefronts_ideal, p.waits, p.requested_bytes, p.mma_flops, name(p.kind)});
  }
  return lines;
}

Json run_model(const PageInput& input) {
  const PageRun& run = *input.run;
  Json diagnostics = Json::array();
  for (const sim::Diagnostic& d : run.report.diagnostics)
    diagnostics.push_back({{"severity", d.severity == sim::Severity::kError ? "error" : "warning"},
                           {"kind", d.kind},
                           {"message", d.message},
                           {"ptx_line", d.ptx_line},
                           {"ptx_lines", d.ptx_lines},
                           {"count", d.count}});
  const sim::Counters& c = run.report.counters;
  return {{"tokens", run.tokens},
          {"device", run.device},
          {"passed", run.passed()},
          {"worst_error", run.verdict.worst_error},
          {"worst_at", run.verdict.worst_at},
          {"reason", run.verdict.reason},
          {"diagnostics", std::move(diagnostics)},
          {"occupancy", occupancy_json(run.occupancy)},
          {"prediction", prediction_json(run.prediction)},
          {"heat", heat_model(input)},
          {"totals", totals_json(totals_of(run.report))},
          {"counters",
           {{"global_read_bytes", c.global_read_bytes},
            {"global_write_bytes", c.global_write_bytes},
            {"floor_bytes", run.floor_bytes},
            {"shared_wavefronts", c.shared_wavefronts},
            {"shared_wavefronts_ideal", c.shared_wavefronts_ideal},
            {"mma_flops_issued", c.mma_flops_issued},
            {"mma_flops_useful", run.useful_flops},
            {"warp_instructions", c.warp_instructions}}}};
}

}  // namespace

Json page_model(const PageInput& input) {
  const Problem& problem = input.request.problem;
  Json model = {{"schema", 1},
                {"version", BSGEN_VERSION},
                {"name", input.name},
                {"arch", input.plan.arch.name()},
                {"cp_async", input.plan.arch.has_cp_async()}};
  model["problem"] = {{"op", name(problem.op)},
                      {"dtype", name(problem.dtype)},
                      {"out_dtype", name(problem.output())},
                      {"activations", name(problem.activations)},
                      {"align", problem.align},
                      {"accumulate", problem.accumulate},
                      {"epilogue", problem.epilogue}};
  model["layout"] = layout_model(input.request.layout);
  model["plan"] = plan_model(input);
  add_code(model, input);
  model["report"] = report_model(input);
  model["run"] = input.run ? run_model(input) : Json(nullptr);
  return model;
}

}  // namespace bsgen::cli
