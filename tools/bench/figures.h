// Figures: what a suite behind `bsgen bench` measured, each against what was asked, with how it was
// measured.
//
//   Suite suite = foundation(options, progress);
//   for (const Figure& f : suite.figures) print(f.what, f.asked, f.measured, f.verdict, f.how);
//
// A figure that could not be measured says why; it never carries a number.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bsgen/status.h"

namespace bsgen::bench {

enum class Verdict : std::uint8_t {
  kOk,
  kMissed,       // measured, and short of what was asked
  kReported,     // measured; nothing was asked of it
  kNotMeasured,  // something is missing here; `how` says what
};
std::string_view name(Verdict verdict);  // "ok", "missed", "reported", "not measured"

struct Figure {
  std::string area;      // "planning"
  std::string what;      // "26000 blocks on 512 x 512, bits to source"
  std::string asked;     // "at most 10 ms"; empty: nothing asked
  std::string measured;  // "4.1 ms (p10 4.0, p90 4.4)"; empty: not measured
  Verdict verdict = Verdict::kReported;
  std::string how;  // method, sample count, what was left out
  std::vector<std::pair<std::string, double>>
      values{};  // the numbers behind `measured`, by name, for --json
};

Figure not_measured(std::string area, std::string what, std::string asked, std::string why);

struct Suite {
  std::string name;
  std::vector<Figure> figures;
  bool all_ok() const;  // nothing missed
};

struct SuiteOptions {
  bool full = false;     // every combination instead of a bounded selection
  std::string cuda_dir;  // where NVRTC lies; empty = the usual places
  std::string
      test_data;     // recorded tensor-core vectors and masks; empty = that figure is not measured
  std::string self;  // path of the bsgen executable, for figures taken in fresh processes
  std::vector<std::string> only{};  // areas to measure; empty = all. cpu: words that a figure must all have
};
using Progress = std::function<void(const std::string&)>;  // called before each figure

// suites, one file each
Suite foundation(const SuiteOptions& options, const Progress& progress);
Suite simulation(const SuiteOptions& options, const Progress& progress);
Expected<Suite> cpu(const SuiteOptions& options,
                    const Progress& progress);  // kMissing where libbsgen-cpu was not built
const std::vector<std::string>& cpu_words();  // that --only takes
Suite store(const SuiteOptions& options, const Progress& progress);
Expected<Suite> gpu(const SuiteOptions& options,
                    const Progress& progress);  // kMissing where there is no cuda:0

// figures of the foundation suite; an error inside becomes a figure that was not
// measured
std::vector<Figure> correct(const SuiteOptions& options);
std::vector<Figure> exact(const SuiteOptions& options);
std::vector<Figure> clean_code(const SuiteOptions& options);
std::vector<Figure> ready_soon(const SuiteOptions& options);
std::vector<Figure> planning(const SuiteOptions& options);
std::vector<Figure> no_waste(const SuiteOptions& options);
std::vector<Figure> simulation_speed(const SuiteOptions& options);
std::vector<Figure> launch(const SuiteOptions& options);
std::vector<Figure> cache_hit(const SuiteOptions& options);

// figures of the store suite that are files of their own
std::vector<Figure> memory_tier(const SuiteOptions& options);
std::vector<Figure> bundle_lookup(const SuiteOptions& options);
std::vector<Figure> prewarm(const SuiteOptions& options);

// What a fresh process measured, by the clock on the wall and by processor time (samples.h says
// which is quoted).
struct ChildTime {
  double wall = 0, cpu = 0;
};
// What a fresh process that a figure started does: prints the two on standard output. `mode` is the
// word after `bsgen bench --child`: "empty" and "kernel" (ready_soon), "launch" (launch).
Expected<ChildTime> run_child(const std::string& mode, const SuiteOptions& options);

}  // namespace bsgen::bench
