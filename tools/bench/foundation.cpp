// The suite `foundation`: every figure that the foundation promises, in one table.
#include <fmt/format.h>

#include <algorithm>

#include "tools/bench/children.h"
#include "tools/bench/figures.h"

namespace bsgen::bench {

Suite foundation(const SuiteOptions& options, const Progress& progress) {
  struct Part {
    const char* area;
    std::vector<Figure> (*measure)(const SuiteOptions&);
  };
  // Times of fresh processes first, while nothing of ours is warm but the page cache.
  const Part parts[] = {
      {"ready soon", ready_soon}, {"planning", planning}, {"a launch", launch},
      {"a cache hit", cache_hit}, {"exact", exact},       {"correct", correct},
      {"clean code", clean_code}, {"no waste", no_waste}, {"simulation", simulation_speed}};
  Suite suite{"foundation", {}};
  for (const Part& part : parts) {
    if (!options.only.empty() &&
        std::find(options.only.begin(), options.only.end(), part.area) == options.only.end())
      continue;
    if (progress) progress(part.area);
    for (Figure& figure : part.measure(options)) suite.figures.push_back(std::move(figure));
  }
  return suite;
}

Expected<ChildTime> run_child(const std::string& mode, const SuiteOptions& options) {
  if (mode == "empty" || mode == "kernel")
    return ready_soon_child(mode == "kernel", options.cuda_dir);
  if (mode == "launch") return launch_child(options.cuda_dir);
  return Status(ErrorCode::kInvalidArgument, fmt::format("bench: no child \"{}\"", mode));
}

}  // namespace bsgen::bench
