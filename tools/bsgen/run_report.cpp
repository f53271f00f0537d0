#include "tools/bsgen/run_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>

#include "runtime/verify/npy.h"
#include "tools/bsgen/plan_text.h"

namespace bsgen::cli {
namespace {

bool on_sim(const RunOutcome& outcome) { return outcome.device.kind == "sim"; }

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 10'000) return fmt::format("{} bytes", bytes);
  if (bytes < 10'000'000) return fmt::format("{} kB", significant(static_cast<double>(bytes) * 1e-3));
  return fmt::format("{} MB", significant(static_cast<double>(bytes) * 1e-6));
}

// JSON has no infinity; an output that is NaN where a number is due counts as the largest error there is.
double finite(double value) { return std::min(value, std::numeric_limits<double>::max()); }

std::string ratio(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? "" : fmt::format(" ({})", percent(static_cast<double>(part) / static_cast<double>(whole)));
}

// The options that show a finding as it happens, in the same run.
std::string show_options(const verify::Finding& finding, const RunOutcome& outcome) {
  const bool first = !outcome.schedules.empty() && finding.schedule == outcome.schedules.front();
  return fmt::format("{}--trace {}", first ? "" : fmt::format("--schedule {} ", finding.schedule), trace_words(finding.cta, finding.warp));
}

// A finding, whole with what stands there, as a compiler shows an error.
std::string finding_text(const verify::Finding& finding, const RunOutcome& outcome, bool whole) {
  const bool error = finding.severity == sim::Severity::kError;
  std::string text = fmt::format("{}{} {}{}\n", whole ? "\n" : "", error ? red("error:") : "warning:", finding.message,
                                 finding.count > 1 ? fmt::format(" ({} times)", finding.count) : std::string());
  if (!whole) return text;
  if (outcome.quotes != nullptr) text += quote(*outcome.quotes, finding.ptx_line, "  ");
  if (finding.warp >= 0) text += fmt::format("  to see it, add {}\n", show_options(finding, outcome));
  return text;
}

}  // namespace

std::string run_text(const PlanRequest& request, const plan::KernelPlan& plan, const RunOutcome& outcome) {
  std::string text;
  if (outcome.trace) text += trace_text(*outcome.trace, outcome.trial.report.trace, *outcome.quotes) + "\n";
  if (outcome.profile) text += profile_text(*outcome.profile, *outcome.quotes) + "\n";
  text += bold(request_text(request, outcome.plan.empty() ? "" : outcome.device.name)) + "\n";
  const auto line = [&](const char* what, const std::string& value) { text += fmt::format("  {:<11}{}\n", what, value); };
  line("device",
       fmt::format("{}, {}{}", outcome.device.name, outcome.device.model, outcome.device.note.empty() ? "" : "; " + outcome.device.note));
  line("plan", outcome.plan.empty() ? fmt::format("tier {}, {}", name(plan.tier), tile_text(plan, plan.tile)) : outcome.plan);
  line("tokens", std::to_string(outcome.tokens));
  const verify::Verdict& verdict = outcome.trial.verdict;
  line("worst", verdict.worst_at.empty() ? "no outputs"
                : verdict.worst_error > 1e30
                    ? fmt::format("infinitely far out of its bound at {}", verdict.worst_at)
                    : fmt::format("{} of its bound at {}", significant(finite(verdict.worst_error)), verdict.worst_at));
  line("relative", fmt::format("{}{}", significant(finite(verdict.relative_error)),
                               verdict.relative_limit > 0 ? fmt::format(", {} allowed", significant(verdict.relative_limit)) : ""));
  line("digest", outcome.digest);
  if (on_sim(outcome)) {
    const sim::Counters& c = outcome.trial.counters;
    const std::uint64_t moved = c.global_read_bytes + c.global_write_bytes;
    line("global", fmt::format("{} read, {} written; the problem itself needs {}{}", bytes_text(c.global_read_bytes),
                               bytes_text(c.global_write_bytes), bytes_text(outcome.floor_bytes), ratio(outcome.floor_bytes, moved)));
    line("shared", fmt::format("{} wavefronts, {} ideal", c.shared_wavefronts, c.shared_wavefronts_ideal));
    if (c.mma_flops_issued > 0)
      line("tensor", fmt::format("{} FLOP issued, {} useful{}", c.mma_flops_issued, outcome.useful_flops,
                                 ratio(outcome.useful_flops, c.mma_flops_issued)));
    line("executed", fmt::format("{} warp instructions in {} s, {} {}", c.warp_instructions, significant(outcome.trial.seconds),
                                 outcome.schedules.size() == 1 ? "schedule" : "schedules", fmt::join(outcome.schedules, ", ")));
    if (outcome.trial.report.ctas > 0) line("occupancy", occupancy_text(outcome.occupancy));
    line("time", prediction_text(outcome.prediction));
    if (!outcome.prediction.resources.empty()) line("", prediction_parts(outcome.prediction));
  }
  std::map<std::string, int> shown;  // a mistake of one kind mostly shows at many places: the first ones are quoted
  for (const verify::Finding& finding : outcome.trial.diagnostics) text += finding_text(finding, outcome, shown[finding.kind]++ < 2);
  if (!outcome.trial.diagnostics.empty()) text += "\n";
  for (const std::string& failure : outcome.trial.failures) {
    const bool shown = std::any_of(outcome.trial.diagnostics.begin(), outcome.trial.diagnostics.end(),
                                   [&](const verify::Finding& finding) { return finding.message == failure; });
    if (!shown) line("failed", failure);
  }
  return text + (outcome.passed() ? green("passed") : red("failed")) + "\n";
}

Json run_json(const PlanRequest& request, const plan::KernelPlan& plan, const RunOutcome& outcome) {
  const Layout& layout = request.layout;
  Json json = {{"schema", 1},
               {"device", outcome.device.name},
               {"arch", outcome.plan.empty() ? plan.arch.name() : outcome.device.model},
               {"op", name(request.problem.op)},
               {"dtype", name(request.problem.dtype)},
               {"out_dtype", name(request.problem.output())},
               {"tier", name(plan.tier)},
               {"rows", layout.rows()},
               {"cols", layout.cols()},
               {"block", to_string(layout.block())},
               {"nonzero_blocks", layout.num_blocks()},
               {"tokens", outcome.tokens},
               {"worst_error", finite(outcome.trial.verdict.worst_error)},
               {"worst_at", outcome.trial.verdict.worst_at},
               {"relative_error", finite(outcome.trial.verdict.relative_error)},
               {"passed", outcome.passed()},
               {"output_digest", outcome.digest}};
  if (!on_sim(outcome)) return json;
  json["diagnostics"] = Json::array();
  for (const verify::Finding& each : outcome.trial.diagnostics) {
    Json places = Json::array();
    for (const Quotes::Place& place : outcome.quotes->cuda_places(each.ptx_line))
      places.push_back({{"file", place.file}, {"line", place.line}, {"text", place.text}});
    json["diagnostics"].push_back({{"severity", each.severity == sim::Severity::kError ? "error" : "warning"},
                                   {"kind", each.kind},
                                   {"message", each.message},
                                   {"ptx_line", each.ptx_line},
                                   {"ptx_lines", each.ptx_lines},
                                   {"instructions", each.instructions},
                                   {"count", each.count},
                                   {"schedule", each.schedule},
                                   {"cta", each.cta},
                                   {"warp", each.warp},
                                   {"ptx_text", outcome.quotes->ptx_line(each.ptx_line)},
                                   {"cuda", std::move(places)},
                                   {"show", each.warp < 0 ? "" : show_options(each, outcome)}});
  }
  const sim::Counters& c = outcome.trial.counters;
  json["counters"] = {{"global_read_bytes", c.global_read_bytes},
                      {"global_write_bytes", c.global_write_bytes},
                      {"floor_bytes", outcome.floor_bytes},
                      {"shared_wavefronts", c.shared_wavefronts},
                      {"shared_wavefronts_ideal", c.shared_wavefronts_ideal},
                      {"mma_flops_issued", c.mma_flops_issued},
                      {"mma_flops_useful", outcome.useful_flops},
                      {"warp_instructions", c.warp_instructions}};
  json["counters"].update(totals_json(totals_of(outcome.trial.report)));
  json["device_note"] = outcome.device.note;
  json["schedules"] = outcome.schedules;
  json["occupancy"] = occupancy_json(outcome.occupancy);
  json["prediction"] = prediction_json(outcome.prediction);
  if (outcome.profile) json["profile"] = profile_json(*outcome.profile);
  if (outcome.trace) json["trace"] = trace_json(outcome.trial.report.trace);
  return json;
}

Status save_run(const std::string& folder, const PlanRequest& request, const verify::Operands& operands, const RunOutcome& outcome) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return Status(ErrorCode::kIo, fmt::format("run: --save {} could not be made: {}", folder, error.message()));
  const Layout& layout = request.layout;
  const Problem& problem = request.problem;
  std::string listing;
  const auto put = [&](const std::string& name, const std::string& bytes, const std::string& what) -> Status {
    listing += fmt::format("{:<20}{}\n", name, what);
    return write_output((std::filesystem::path(folder) / name).string(), bytes, true);
  };
  const bool col = problem.activations == Activations::kCol;
  const auto dense = [&](const char* role, const verify::HostTensor& tensor, const char* shape) -> Status {
    const bool output = &tensor == &outcome.trial.result;
    return put(std::string(role) + ".npy", verify::npy_bytes(tensor, col),
               fmt::format("{}{}, {}{}", output ? "output, " : "", shape, name(tensor.dtype),
                           tensor.dtype == DType::kBf16 ? " as its bits in uint16" : ""));
  };
  const verify::HostTensor& x = problem.op == Op::kBprop ? outcome.trial.result : operands.x;
  const verify::HostTensor& y = problem.op == Op::kFprop ? outcome.trial.result : operands.y;
  const verify::HostTensor& w = problem.op == Op::kUpdate ? outcome.trial.result : operands.w;
  BSGEN_TRY(dense("x", x, problem.op == Op::kBprop ? "dX, M x K" : "X, M x K"));
  BSGEN_TRY(dense("y", y, problem.op == Op::kFprop ? "Y, M x N" : "dY, M x N"));
  const auto values = [&](const verify::HostTensor& tensor) {
    return verify::npy_bytes(verify::npy_type(tensor.dtype), {layout.num_blocks(), layout.block().rows, layout.block().cols}, tensor.bytes);
  };
  BSGEN_TRY(put("w.npy", values(w),
                fmt::format("{}blocks in BSR order, {}{}", problem.op == Op::kUpdate ? "output, " : "", name(w.dtype),
                            w.dtype == DType::kBf16 ? " as its bits in uint16" : "")));
  if (problem.accumulate) BSGEN_TRY(put("w_before.npy", values(operands.w), "what w held before"));
  for (const auto& [name, value] : operands.scalars)
    BSGEN_TRY(
        put("epilogue_" + name + ".npy", verify::npy_bytes("<f4", {}, std::as_bytes(std::span(&value, 1))), "scalar of the epilogue"));
  for (const auto& [name, tensor] : operands.tensors)
    BSGEN_TRY(put("epilogue_" + name + ".npy", verify::npy_bytes(tensor, col && tensor.rows > 1), "operand of the epilogue"));

  std::vector<std::byte> bits(static_cast<std::size_t>(layout.heads() * layout.grid_rows() * layout.grid_cols()));
  for (std::int64_t row = 0; row < layout.heads() * layout.grid_rows(); ++row)
    for (std::int64_t i = layout.row_offsets()[row]; i < layout.row_offsets()[row + 1]; ++i)
      bits[row * layout.grid_cols() + layout.block_cols()[i]] = std::byte{1};
  std::vector<std::int64_t> shape = {layout.grid_rows(), layout.grid_cols()};
  if (layout.heads() > 1) shape.insert(shape.begin(), layout.heads());
  BSGEN_TRY(put("layout.npy", verify::npy_bytes("|b1", shape, bits),
                fmt::format("which blocks of {} are present; bsgen reads it as a mask", to_string(layout.block()))));

  std::string readme = request_text(request, outcome.plan.empty() ? "" : outcome.device.name) + fmt::format("\n{} on {}, {} tokens, epilogue {}, output digest {}\n\n",
                                                           outcome.passed() ? "passed" : "failed", outcome.device.name, outcome.tokens,
                                                           problem.epilogue.empty() ? "acc" : problem.epilogue, outcome.digest);
  readme += listing +
            "\nArrays are in logical order whatever layout the kernel used, heads first where there are several.\n"
            "bf16 in Python: numpy.load(\"x.npy\").view(ml_dtypes.bfloat16), or shift the uint16 left by 16 bits and view it as float32.\n";
  return write_output((std::filesystem::path(folder) / "README.txt").string(), readme);
}

}  // namespace bsgen::cli
