#include "tools/bench/host_cpu.h"

#include <fstream>

#include "runtime/sim/exec/tensor_core.h"

namespace bsgen::bench {

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  std::string name = "unnamed CPU";
  for (std::string line; std::getline(file, line);)
    if (line.rfind("model name", 0) == 0 && line.find(": ") != std::string::npos) {
      name = line.substr(line.find(": ") + 2);
      break;
    }
  return name + ", " + std::string(sim::name(sim::best_isa()));
}

}  // namespace bsgen::bench
