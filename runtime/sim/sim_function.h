// A kernel loaded on a simulated device: its program and the memory of its module.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bsgen/device.h"
#include "runtime/sim/exec/memory_map.h"
#include "runtime/sim/exec/program.h"

namespace bsgen::sim {

struct SimFunction final : DeviceFunction {
  ~SimFunction() override;

  // Parses, checks that the text suits `arch`, places and initialises the module's variables, decodes `entry`.
  static Expected<std::shared_ptr<const SimFunction>> load(std::shared_ptr<MemoryMap> memory, const std::string& ptx, const std::string& entry,
                                                           const Arch& arch);

  std::shared_ptr<MemoryMap> memory;
  std::vector<std::uint64_t> variables;  // addresses; freed with the function
  Program program;
  mutable std::uint32_t max_dynamic_shared_bytes = 0;
};

}  // namespace bsgen::sim
