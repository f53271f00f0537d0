// What each figure's child process measures; run_child() chooses.
#pragma once

#include <string>

#include "bsgen/status.h"
#include "tools/bench/figures.h"

namespace bsgen::bench {

Expected<ChildTime> ready_soon_child(bool kernel, const std::string& cuda_dir);  // ms
Expected<ChildTime> launch_child(const std::string& cuda_dir);                   // ns

}  // namespace bsgen::bench
