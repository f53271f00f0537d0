// bsgen compile: mask -> plan -> CUDA -> PTX -> cubin, with every stage to be had as text or bytes,
// and a report of what it came to.
#include "compiler/nvrtc/compile.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <optional>

#include "tools/bsgen/cli.h"
#include "tools/bsgen/command_line.h"
#include "tools/bsgen/cpu_stages.h"
#include "tools/bsgen/plan_text.h"
#include "tools/bsgen/stages.h"
#include "tools/bsgen/text.h"

namespace bsgen::cli {
namespace {

struct CompileArguments {
  PlanArguments plan;
  std::string emit, output, stop_after, dump_after, device;
};

// In pipeline order; a stage needs all before it. sass and report are read off the cubin.
const std::vector<std::string> kStages = {"layout", "profile", "plan", "cuda", "ptx", "cubin"};
const std::vector<std::string> kEmits = {"plan", "cuda",   "ptx",   "cubin",
                                         "sass", "report", "layout", "llvm", "asm"};
const std::vector<std::string> kCpuEmits = {"plan", "llvm", "asm"};
const std::vector<std::string> kStops = {"layout", "profile", "plan", "cuda", "ptx"};

Status wrong(std::string message) {
  return Status(ErrorCode::kInvalidArgument, std::move(message));
}

Status one_of(const std::string& option, const std::string& value,
              const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), value) != known.end()) return {};
  return wrong(fmt::format("compile: {} knows no \"{}\"; the nearest is {} (there are {})", option,
                           value, nearest(value, known), fmt::join(known, ", ")));
}

std::size_t stage_index(const std::string& stage) {
  if (stage == "sass" || stage == "report") return kStages.size() - 1;
  return static_cast<std::size_t>(std::find(kStages.begin(), kStages.end(), stage) -
                                  kStages.begin());
}

Expected<std::vector<std::string>> stages_to_dump(const CompileArguments& arguments) {
  if (arguments.dump_after.empty()) return environment().dump;
  if (arguments.dump_after == "all") return kStages;
  std::vector<std::string> stages;
  for (std::size_t at = 0; at <= arguments.dump_after.size();) {
    const std::size_t comma =
        std::min(arguments.dump_after.find(',', at), arguments.dump_after.size());
    stages.push_back(arguments.dump_after.substr(at, comma - at));
    BSGEN_TRY(one_of("--dump-after", stages.back(), kStages));
    at = comma + 1;
  }
  return stages;
}

// Of a cpu device: asked for by name, or by a stage that only it has.
bool for_cpu(const CompileArguments& a) {
  return !a.device.empty() || a.emit == "llvm" || a.emit == "asm";
}

Status check(const CompileArguments& a) {
  if (!a.emit.empty()) BSGEN_TRY(one_of("--emit", a.emit, kEmits));
  if (for_cpu(a)) {
    if (std::find(kCpuEmits.begin(), kCpuEmits.end(), a.emit) == kCpuEmits.end() || a.plan.json)
      return wrong("compile: --device cpu takes --emit plan, llvm or asm, without --json");
    return {};
  }
  if (!a.stop_after.empty()) BSGEN_TRY(one_of("--stop-after", a.stop_after, kStops));
  if (!a.emit.empty() && !a.stop_after.empty())
    return wrong("compile: --emit and --stop-after both say what to write; give one of them");
  // The report is the JSON object itself; anything else would stand beside it on standard output.
  const bool writes = (!a.emit.empty() && a.emit != "report") || !a.stop_after.empty();
  const bool to_standard_output = a.output.empty() || a.output == "-";
  if (a.plan.json && writes && to_standard_output)
    return wrong(fmt::format(
        "compile: --json is alone on standard output; give --{} {} a file with -o",
        a.emit.empty() ? "stop-after" : "emit", a.emit.empty() ? a.stop_after : a.emit));
  if (!writes && a.emit.empty() && !a.output.empty())
    return wrong("compile: -o needs --emit, which says what to write");
  return {};
}

// Every value that was made so far.
struct Results {
  const PlanRequest& request;
  std::optional<Planned> planned;
  std::optional<Sourced> sourced;
  std::optional<Imaged> imaged;
};

Expected<Results> build(const PlanArguments& arguments, const PlanRequest& request,
                        std::size_t last) {
  Results results{request, {}, {}, {}};
  if (last < stage_index("profile")) return results;
  BSGEN_ASSIGN(results.planned, make_plan(request));
  if (last < stage_index("cuda")) return results;
  if (last < stage_index("ptx")) {
    BSGEN_ASSIGN(results.sourced, make_source(request, results.planned->plan));
    return results;
  }
  BSGEN_ASSIGN(results.imaged, make_image(arguments, request, *results.planned));
  results.sourced = results.imaged->sourced;
  return results;
}

Status no_cubin() {
  return Status(ErrorCode::kMissing,
                "compile: nothing was assembled, for nvJitLink was not found; bsgen doctor says "
                "where it was looked for, and "
                "--emit ptx needs none");
}

std::string bytes_text(const std::vector<std::byte>& bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Json report_json(const CompileArguments& arguments, const Results& results) {
  const plan::KernelPlan& plan = results.planned->plan;
  Json json = plan_json(results.request, plan);
  if (!arguments.output.empty() && arguments.output != "-") json["output"] = arguments.output;
  if (!results.imaged) return json;
  const KernelImage& image = results.imaged->image;
  const CompileReport& report = results.imaged->report;
  const bool assembled = !image.cubin.empty();
  const auto measured = [&](int value) {
    return assembled ? Json(value) : Json(nullptr);
  };  // what nobody measured is null, not 0
  json["registers"] = measured(image.resources.registers);
  json["shared_bytes"] = plan.shared_bytes + image.resources.shared_bytes;
  json["spill_bytes"] = measured(image.resources.spill_bytes);
  json["local_bytes"] = measured(image.resources.local_bytes);
  json["code_bytes"] = measured(image.resources.code_bytes);
  json["plan_ms"] = report.plan_ms;
  json["codegen_ms"] = report.codegen_ms;
  json["nvrtc_ms"] = report.nvrtc_ms;
  json["assemble_ms"] = report.assemble_ms;
  json["source"] = name(report.origin);
  json["key"] = report.key;
  return json;
}

std::string report_text(const Results& results) {
  const plan::KernelPlan& plan = results.planned->plan;
  const KernelImage& image = results.imaged->image;
  const CompileReport& report = results.imaged->report;
  std::string text = bold(request_text(results.request)) + "\n";
  const auto line = [&](const char* what, const std::string& value) {
    text += fmt::format("  {:<11}{}\n", what, value);
  };
  line("entry", image.entry);
  line("tier", std::string(name(plan.tier)) +
                   (plan.tier == Tier::kStructural ? ": " + plan.structure : ""));
  line("tile",
       fmt::format("{}, {} x {} warps, {} of {}", tile_text(plan, plan.tile), plan.tile.warps_m,
                   plan.tile.warps_n, count(plan.tile.num_stages, "stage", "stages"),
                   plan.tile.slice * plan.tile.slices_per_stage));
  line("grid", plan.problem.op == Op::kUpdate
                   ? count(plan.num_panels, "cta", "ctas")
                   : fmt::format("{} for every {} tokens", count(plan.num_panels, "cta", "ctas"),
                                 plan.tile.tokens));
  line("shared", fmt::format("{} bytes per cta, {} allows {}",
                             plan.shared_bytes + image.resources.shared_bytes, plan.arch.name(),
                             plan.arch.max_shared_bytes()));
  if (image.cubin.empty()) {
    line("registers",
         "not known: nvJitLink was not found (bsgen doctor), the driver will assemble the PTX");
  } else {
    line("registers", fmt::format("{} per thread", image.resources.registers));
    const bool clean = image.resources.spill_bytes == 0 && image.resources.local_bytes == 0;
    const std::string spill = fmt::format("{} bytes, local {} bytes", image.resources.spill_bytes,
                                          image.resources.local_bytes);
    line("spill", clean ? spill : red(spill));
    line("code", fmt::format("{} bytes", image.resources.code_bytes));
  }
  line("time", fmt::format("plan {} ms, codegen {} ms, NVRTC {} ms, assembly {} ms",
                           significant(report.plan_ms), significant(report.codegen_ms),
                           significant(report.nvrtc_ms), significant(report.assemble_ms)));
  line("source", std::string(name(report.origin)));
  line("key", report.key);
  text += bold("why") + "\n";
  for (const std::string& reason : plan.reasons) text += "  " + reason + "\n";
  return text;
}

struct Emitted {
  std::string bytes;
  bool binary = false;
};

Expected<Emitted> emitted(const std::string& what, const CompileArguments& arguments,
                          const Results& results) {
  if (what == "layout") return Emitted{stage_text(results.request.layout)};
  if (what == "profile") return Emitted{stage_text(results.planned->profile)};
  if (what == "plan") return Emitted{stage_text(results.planned->plan)};
  if (what == "cuda") return Emitted{results.sourced->source.cuda};
  if (what == "ptx") return Emitted{results.imaged->image.ptx};
  if (what == "report")
    return Emitted{
        report_json(arguments, results).dump(2, ' ', false, Json::error_handler_t::replace) + "\n"};
  if (results.imaged->image.cubin.empty()) return no_cubin();
  if (what == "sass") {
    BSGEN_ASSIGN(std::string sass, nvrtc::disassemble(results.imaged->image.cubin));
    return Emitted{std::move(sass)};
  }
  return Emitted{bytes_text(results.imaged->image.cubin), true};
}

// ENTRY.STAGE in BSGEN_DUMP_DIR, for the stages that were reached.
Status dump(const std::vector<std::string>& stages, const CompileArguments& arguments,
            const Results& results, std::size_t last) {
  if (stages.empty()) return {};
  const std::string& folder = environment().dump_dir;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    return Status(ErrorCode::kIo,
                  fmt::format("dump: {} could not be made: {}", folder, error.message()));
  const std::string base = results.planned ? results.planned->plan.entry()
                                           : "bsgen_" + results.request.layout.hash().short_hex();
  for (const std::string& stage : stages) {
    if (stage_index(stage) > last) continue;
    if (stage == "cubin" && results.imaged->image.cubin.empty()) continue;
    BSGEN_ASSIGN(const Emitted text, emitted(stage, arguments, results));
    const std::string path =
        (std::filesystem::path(folder) / (base + "." + (stage == "cuda" ? "cu" : stage))).string();
    BSGEN_TRY(write_output(path, text.bytes, text.binary));
    standard_error_logger()(LogLevel::kInfo, fmt::format("dump: {} written", path));
  }
  return {};
}

Expected<int> compile(const CompileArguments& arguments) {
  BSGEN_TRY(check(arguments));
  BSGEN_ASSIGN(const std::vector<std::string> dumps, stages_to_dump(arguments));
  BSGEN_ASSIGN(const PlanRequest request, resolve(arguments.plan));
  if (for_cpu(arguments)) {
    BSGEN_ASSIGN(const std::string text,
                 cpu_stage(request, arguments.device.empty() ? "cpu" : arguments.device,
                           arguments.emit));
    BSGEN_TRY(write_output(arguments.output, text, false));
    return 0;
  }
  const std::string target = !arguments.stop_after.empty() ? arguments.stop_after : arguments.emit;
  std::size_t last = target.empty() ? kStages.size() - 1 : stage_index(target);
  // A dump asks for its stage too, except beyond where the caller said to stop.
  if (arguments.stop_after.empty())
    for (const std::string& stage : dumps) last = std::max(last, stage_index(stage));

  BSGEN_ASSIGN(const Results results, build(arguments.plan, request, last));
  BSGEN_TRY(dump(dumps, arguments, results, last));
  if (target.empty()) {
    BSGEN_TRY(arguments.plan.json ? print_json(report_json(arguments, results))
                                  : print(report_text(results)));
    return 0;
  }
  BSGEN_ASSIGN(const Emitted bytes, emitted(target, arguments, results));
  const bool to_file = !arguments.output.empty() && arguments.output != "-";
  if (to_file || !arguments.plan.json)
    BSGEN_TRY(write_output(arguments.output, bytes.bytes, bytes.binary));
  if (arguments.plan.json) {
    if (results.planned) {
      BSGEN_TRY(print_json(report_json(arguments, results)));
    } else {
      BSGEN_TRY(print_json({{"schema", 1},
                            {"layout_hash", request.layout.hash().hex()},
                            {"output", arguments.output}}));
    }
  }
  return 0;
}

}  // namespace

void add_compile(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand(
      "compile",
      "plan, write CUDA, compile and assemble; report what it came to, or emit any stage");
  auto arguments = std::make_shared<CompileArguments>();
  add_plan_arguments(*verb, arguments->plan);
  verb->add_option(
          "--emit", arguments->emit,
          fmt::format("write this instead of the readable report: {}", fmt::join(kEmits, ", ")))
      ->type_name("WHAT")
      ->group("Output");
  verb->add_option("--device", arguments->device,
                   "cpu, cpu:avx512, cpu:avx2 or cpu:portable: --emit plan, llvm or asm of the kernel for this "
                   "processor")
      ->type_name("DEVICE")
      ->group("Plan");
  verb->add_option("-o,--output", arguments->output,
                   "where --emit and --stop-after write; default and - are standard output")
      ->type_name("FILE")
      ->group("Output");
  verb->add_option(
          "--stop-after", arguments->stop_after,
          fmt::format("stop there and write that stage's text: {}", fmt::join(kStops, ", ")))
      ->type_name("STAGE")
      ->group("Output");
  verb->add_option("--dump-after", arguments->dump_after,
                   "write these stages into BSGEN_DUMP_DIR: all, or a list like plan,cuda,ptx")
      ->type_name("STAGES")
      ->group("Output");
  verb->footer(
      "\nExamples: a report; the CUDA that was made for this mask; its machine code for an H100\n"
      "  bsgen compile banded:64x64:width=3\n"
      "  bsgen compile layer.smtx --block 32 --keep 0.1 --emit cuda\n"
      "  bsgen compile mask.npy --arch sm_90a --dtype fp16 --emit cubin -o kernel.cubin\n\n"
      "Needs NVRTC but no GPU; --emit plan, cuda and layout need neither. A plan that was emitted "
      "is read back with --plan.");
  verb->callback([arguments, &action] { action = [arguments] { return compile(*arguments); }; });
}

}  // namespace bsgen::cli
