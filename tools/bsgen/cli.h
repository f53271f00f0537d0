// The command line: what every verb shares. One file per verb; each adds its subcommand and says what to run.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>

#include "bsgen/bsgen.h"

namespace bsgen::cli {

// What the chosen verb does; the value is the exit status. An error's exit status follows from its code (status.h).
using Action = std::function<Expected<int>()>;

// The BSGEN_* variables; main has read and checked them before a verb runs.
const Environment& environment();

// One per verb, in the file of the same name. Sets `action` when its subcommand was given.
void add_compile(CLI::App& app, Action& action);
void add_explain(CLI::App& app, Action& action);
void add_run(CLI::App& app, Action& action);
void add_view(CLI::App& app, Action& action);
void add_bench(CLI::App& app, Action& action);
void add_mask(CLI::App& app, Action& action);
void add_cache(CLI::App& app, Action& action);
void add_bundle(CLI::App& app, Action& action);
void add_doctor(CLI::App& app, Action& action);

// MASK and the options of every verb that reads one (DESIGN section 8): --block --size --keep --elements --seed.
struct MaskArguments {
  std::string mask;
  std::string block, size;  // "32", "16x32"; "KxN"
  std::optional<double> keep;
  bool elements = false;
  std::optional<std::uint64_t> seed;
};
void add_mask_arguments(CLI::App& verb, MaskArguments& arguments);
Expected<Layout> read_layout(const MaskArguments& arguments);

// The options of every verb that plans. The same mask, options and architecture plan the same kernel in every verb.
struct PlanArguments {
  MaskArguments mask;
  std::string op = "fprop", dtype = "bf16", out_dtype, arch, tier = "auto", epilogue, activations = "row", plan_file;
  int align = 16;
  bool accumulate = false, assume_finite = false, batch_invariant = false, json = false, no_cache = false;
  std::int64_t plan_tokens = 4096;
  std::string cache_dir;
};
void add_plan_arguments(CLI::App& verb, PlanArguments& arguments);
// Those of them that choose the kernel: what a line of a bundle's list may hold.
void add_request_arguments(CLI::App& verb, PlanArguments& arguments);
// MASK with its options, and --plan, as such a line holds them.
std::string mask_words(const PlanArguments& arguments);

struct PlanRequest {
  Layout layout;
  Problem problem;
  CompileOptions options;
  Arch arch;                       // --arch, else `device`'s own, else sm_80
  std::optional<plan::KernelPlan> plan;  // from --plan
};
Expected<PlanRequest> resolve(const PlanArguments& arguments, const Device* device = nullptr);

// Writes text or bytes exactly to a file or, for "" and "-", to standard output. Files appear whole or not at all.
Status write_output(const std::string& path, std::string_view bytes, bool binary = false);

}  // namespace bsgen::cli
