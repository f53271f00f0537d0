// bsgen bench: figures against what was asked, or the stages of compiling and simulating one mask,
// timed.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "tools/bench/figures.h"
#include "tools/bench/mask.h"
#include "tools/bsgen/cli.h"
#include "tools/bsgen/command_line.h"
#include "tools/bsgen/plan_text.h"
#include "tools/bsgen/text.h"

namespace bsgen::cli {
namespace {

const std::vector<std::string> kSuites = {"foundation", "sim", "store", "gpu", "cpu"};
const std::vector<std::string> kAreas = {"ready soon",  "planning", "a launch",
                                         "a cache hit", "exact",    "correct",
                                         "clean code",  "no waste", "simulation",
                                         "single flight", "disk",     "damage",
                                         "memory tier",   "bundle",   "prewarm"};

struct BenchArguments {
  PlanArguments plan;
  std::string suite, child;
  std::vector<std::string> only;
  std::int64_t tokens = 256;
  bool full = false;
};

Status wrong(std::string message) {
  return Status(ErrorCode::kInvalidArgument, std::move(message));
}

// This executable, for figures that are taken in fresh processes.
std::string own_path() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).string();
}

Json figure_json(const bench::Figure& figure) {
  Json json = {{"area", figure.area},
               {"what", figure.what},
               {"asked", figure.asked},
               {"measured", figure.measured},
               {"verdict", name(figure.verdict)},
               {"how", figure.how}};
  Json values = Json::object();
  for (const auto& [what, value] : figure.values) values[what] = value;
  json["values"] = std::move(values);
  return json;
}

std::string figures_text(const bench::Suite& suite) {
  TextTable table({{"", TextTable::Align::kLeft},
                   {"figure", TextTable::Align::kLeft},
                   {"asked", TextTable::Align::kLeft},
                   {"measured", TextTable::Align::kLeft}});
  for (const bench::Figure& f : suite.figures)
    table.add({std::string(name(f.verdict)), fmt::format("{}: {}", f.area, f.what),
               f.asked.empty() ? "-" : f.asked, f.measured.empty() ? "-" : f.measured});
  std::string text = table.str() + "\n" + bold("how") + "\n";
  for (const bench::Figure& f : suite.figures)
    text += fmt::format("  {}: {}\n    {}\n", f.area, f.what, f.how);
  const auto number_of = [&](bench::Verdict verdict) {
    return std::count_if(suite.figures.begin(), suite.figures.end(),
                         [&](const auto& f) { return f.verdict == verdict; });
  };
  const auto missed = number_of(bench::Verdict::kMissed),
             absent = number_of(bench::Verdict::kNotMeasured);
  const std::string ok = fmt::format("{} ok", number_of(bench::Verdict::kOk));
  text += fmt::format("\n{}, {}, {} not measured, {} reported without a figure asked\n", green(ok),
                      missed ? red(fmt::format("{} missed", missed)) : std::string("0 missed"),
                      absent, number_of(bench::Verdict::kReported));
  return text;
}

// Exit status 1 where a figure was missed: a check failed.
Expected<int> show(const BenchArguments& arguments, const bench::Suite& suite, Json head) {
  if (arguments.plan.json) {
    head["suite"] = suite.name;
    head["ok"] = suite.all_ok();
    head["figures"] = Json::array();
    for (const bench::Figure& figure : suite.figures)
      head["figures"].push_back(figure_json(figure));
    BSGEN_TRY(print_json(head));
  } else {
    BSGEN_TRY(print(figures_text(suite)));
  }
  return suite.all_ok() ? 0 : 1;
}

Expected<int> bench_one_mask(const BenchArguments& arguments) {
  if (arguments.tokens < 0)
    return wrong(fmt::format("bench: {} tokens, a run takes 0 or more", arguments.tokens));
  BSGEN_ASSIGN(const PlanRequest request, resolve(arguments.plan));
  BSGEN_ASSIGN(const bench::Suite suite, bench::bench_mask({.layout = request.layout,
                                                            .problem = request.problem,
                                                            .arch = request.arch,
                                                            .options = request.options,
                                                            .plan = request.plan,
                                                            .cuda_dir = environment().cuda_dir,
                                                            .tokens = arguments.tokens}));
  if (!arguments.plan.json) BSGEN_TRY(print(bold(request_text(request)) + "\n\n"));
  return show(arguments, suite,
              {{"schema", 1},
               {"mask", arguments.plan.mask.mask},
               {"arch", request.arch.name()},
               {"nonzero_blocks", request.layout.num_blocks()}});
}

Expected<int> bench_suite(const BenchArguments& arguments) {
  if (std::find(kSuites.begin(), kSuites.end(), arguments.suite) == kSuites.end())
    return wrong(fmt::format("bench: no suite \"{}\"; the nearest is {} (there are {})",
                             arguments.suite, nearest(arguments.suite, kSuites),
                             fmt::join(kSuites, ", ")));
  const std::vector<std::string>& areas = arguments.suite == "cpu" ? bench::cpu_words() : kAreas;
  for (const std::string& area : arguments.only)
    if (std::find(areas.begin(), areas.end(), area) == areas.end())
      return wrong(fmt::format("bench: --only knows no \"{}\"; the nearest is {} (there are {})",
                               area, nearest(area, areas), fmt::join(areas, ", ")));
  bench::SuiteOptions options;
  options.full = arguments.full;
  options.cuda_dir = environment().cuda_dir;
  options.test_data = environment().test_data;
  options.self = own_path();
  options.only = arguments.only;
  const bool terminal = isatty(STDERR_FILENO);
  const bench::Progress progress = [terminal](const std::string& what) {
    if (terminal) fmt::print(stderr, "\r\x1b[Kbench: {} ...", what);
  };
  Expected<bench::Suite> suite =
      arguments.suite == "foundation" ? Expected<bench::Suite>(bench::foundation(options, progress))
      : arguments.suite == "sim"      ? Expected<bench::Suite>(bench::simulation(options, progress))
      : arguments.suite == "store"    ? Expected<bench::Suite>(bench::store(options, progress))
      : arguments.suite == "cpu"      ? bench::cpu(options, progress)
                                      : bench::gpu(options, progress);
  if (terminal) fmt::print(stderr, "\r\x1b[K");
  if (!suite) return suite.status();
  return show(arguments, *suite, {{"schema", 1}, {"full", arguments.full}});
}

Expected<int> run_bench(const BenchArguments& arguments) {
  if (!arguments.child.empty()) {
    bench::SuiteOptions options;
    options.cuda_dir = environment().cuda_dir;
    BSGEN_ASSIGN(const bench::ChildTime time, bench::run_child(arguments.child, options));
    BSGEN_TRY(print(fmt::format("{} {}\n", time.wall, time.cpu)));
    return 0;
  }
  const bool mask = !arguments.plan.mask.mask.empty();
  if (mask == !arguments.suite.empty())
    return wrong(mask ? "bench: MASK and --suite are two things to measure; give one of them"
                      : "bench: give a MASK or --suite foundation");
  return mask ? bench_one_mask(arguments) : bench_suite(arguments);
}

}  // namespace

void add_bench(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand(
      "bench", "figures against what was asked of them, or the stages of one mask timed");
  auto arguments = std::make_shared<BenchArguments>();
  add_plan_arguments(*verb, arguments->plan);
  verb->get_option("mask")->required(false);
  verb->add_option(
          "--suite", arguments->suite,
          "foundation (what this project promises), sim (the simulated device), store (the kernel cache), gpu (cuda:0) or cpu (this machine)")
      ->type_name("SUITE")
      ->group("Bench");
  verb->add_option("--only", arguments->only,
                   fmt::format("these areas only: {}; of the suite cpu figures with all of these words: {}", fmt::join(kAreas, ", "),
                               fmt::join(bench::cpu_words(), ", ")))
      ->type_name("AREA")
      ->delimiter(',')
      ->group("Bench");
  verb->add_option("--tokens", arguments->tokens, "M of the simulated run of MASK; default 256")
      ->group("Bench");
  verb->add_flag("--full", arguments->full, "every combination; takes many minutes")
      ->group("Bench");
  verb->add_option("--child", arguments->child)
      ->group("");  // what a fresh process of a suite measures
  verb->footer(
      "\nExamples: every figure of the foundation; where the time goes for one mask\n"
      "  bsgen bench --suite foundation\n"
      "  bsgen bench layer.smtx --block 32 --keep 0.1 --tokens 128\n\n"
      "Exit status 1 where a figure was measured and missed. What cannot be measured here says why "
      "and counts as neither.");
  verb->callback([arguments, &action] { action = [arguments] { return run_bench(*arguments); }; });
}

}  // namespace bsgen::cli
