// bsgen view: one HTML page to understand a kernel at a look.
#include <fmt/format.h>

#include <memory>

#include "tools/bsgen/cli.h"
#include "tools/bsgen/stages.h"
#include "tools/bsgen/text.h"
#include "tools/bsgen/view/page.h"
#include "tools/bsgen/view/simulate.h"

namespace bsgen::cli {
namespace {

struct ViewArguments {
  PlanArguments plan;
  std::string output, gpu;
  std::optional<std::int64_t> tokens;
};

Expected<int> view(const ViewArguments& arguments) {
  const bool to_standard_output = arguments.output == "-";
  if (arguments.plan.json && to_standard_output)
    return Status(ErrorCode::kInvalidArgument,
                  "view: --json is alone on standard output; give the page a file with -o");
  if (arguments.tokens && *arguments.tokens < 0)
    return Status(ErrorCode::kInvalidArgument,
                  fmt::format("view: {} tokens, a run takes 0 or more", *arguments.tokens));
  BSGEN_ASSIGN(const PlanRequest request, resolve(arguments.plan));
  BSGEN_ASSIGN(const Planned planned, make_plan(request));
  BSGEN_ASSIGN(const plan::Machine* machine, machine_for("view", arguments.gpu, planned.plan.arch));

  // Without NVRTC the page still shows mask, plan and CUDA; what was asked to run needs it.
  Imaged imaged;
  std::string image_note;
  auto made = make_image(arguments.plan, request, planned);
  if (made) {
    imaged = *std::move(made);
  } else if (made.status().code() == ErrorCode::kMissing && !arguments.tokens) {
    image_note = made.status().message();
    BSGEN_ASSIGN(imaged.sourced, make_source(request, planned.plan));
  } else {
    return made.status();
  }
  // The page derives each cta's entries from the mask, which is right exactly when this holds.
  BSGEN_TRY(imaged.sourced.schedule.verify(planned.plan, request.layout));

  PageInput input{arguments.plan.mask.mask, request, planned.plan, imaged.sourced.schedule,
                  imaged.sourced.source};
  if (image_note.empty()) input.image = &imaged.image;
  input.image_note = image_note;
  input.report = imaged.report;
  if (arguments.tokens) {
    BSGEN_ASSIGN(input.run, simulate(request, planned.plan, imaged.sourced.schedule, imaged.image,
                                     *arguments.tokens, arguments.plan.mask.seed.value_or(0), *machine));
  }
  const std::string page = make_page(input);
  BSGEN_TRY(write_output(arguments.output, page));
  const bool failed = input.run && !input.run->passed();
  if (arguments.plan.json)
    BSGEN_TRY(print_json({{"schema", 1},
                          {"output", arguments.output},
                          {"bytes", page.size()},
                          {"nonzero_blocks", request.layout.num_blocks()},
                          {"compiled", image_note.empty()},
                          {"passed", input.run ? Json(!failed) : Json(nullptr)}}));
  else if (!to_standard_output)
    BSGEN_TRY(print(fmt::format("{}: {} of {}, {} bytes{}\n", arguments.output,
                                count(request.layout.num_blocks(), "block", "blocks"),
                                arguments.plan.mask.mask, page.size(),
                                image_note.empty() ? "" : "; not compiled: " + image_note)));
  return failed ? 1 : 0;
}

}  // namespace

void add_view(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand(
      "view", "one HTML page: mask, schedule, plan, CUDA and PTX side by side, counters");
  auto arguments = std::make_shared<ViewArguments>();
  add_plan_arguments(*verb, arguments->plan);
  verb->add_option("-o,--output", arguments->output, "the page; - is standard output")
      ->type_name("FILE")
      ->required()
      ->group("Output");
  verb->add_option("--tokens", arguments->tokens,
                   "run it first on the simulated device with M tokens, for the counters")
      ->group("Output");
  verb->add_option("--gpu", arguments->gpu,
                   "the GPU that the time is predicted for; default: one of the architecture; a name that is not known lists all")
      ->type_name("NAME")
      ->group("Output");
  verb->footer(
      "\nExample: look at a pruned layer, with what a run of 128 tokens would cost on the GPU\n"
      "  bsgen view layer.smtx --block 32 --keep 0.1 --tokens 128 -o page.html\n\n"
      "The page needs no network. Without NVRTC it shows mask, plan and CUDA.");
  verb->callback([arguments, &action] { action = [arguments] { return view(*arguments); }; });
}

}  // namespace bsgen::cli
