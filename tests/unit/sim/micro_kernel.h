// Tiny PTX kernels for the tests of the simulated device: a body between fixed declarations, run over columns of inputs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/sim/sim_device.h"

namespace bsgen::sim::test {

// A module with one entry `k`. `parameters` and `body` are PTX; registers %p %rs %r %rd %f %fd <64> are declared.
std::string kernel_text(const std::string& body, const std::string& parameters = ".param .u64 in, .param .u64 out", int target = 90,
                        const std::string& module_text = "");

std::shared_ptr<SimDevice> device(const std::string& arch = "sm_90", Timing timing = Timing::kEarly, int num_threads = 2);

// Loads and launches `ptx` (entry k). The status of whichever failed.
struct Launched {
  Status status;
  LaunchReport report;
  const Diagnostic* find(const std::string& kind) const;
};
Launched launch(SimDevice& device, const std::string& ptx, const LaunchConfig& config, const std::vector<std::uint64_t>& parameters,
                std::uint32_t dynamic_shared = 0);

// One lane's inputs are a, b, c; 32 bits of them in %r10-12 (= %f10-12, %rs10-12), all in %rd10-12 (= %fd10-12).
struct Inputs {
  std::vector<std::uint64_t> a, b, c;
};
Inputs pairs(const std::vector<std::uint64_t>& edges, int num_random, std::uint64_t seed);
std::vector<std::uint64_t> int_edges();
std::vector<std::uint64_t> f32_edges();

// Architecture of the kernels that run() and check() make; 90 unless a test says otherwise.
struct Target {
  explicit Target(int number);
  ~Target();
};

enum class Result { k16, k32, k64, kF32, kF64, kPredicate };
// Runs `instruction`, whose result is in %rs20, %r20, %rd20, %f20, %fd20 or %p20, for every input; lanes for which `odd_only` masks
// them off keep 0x5555. One value per input, zero-extended.
std::vector<std::uint64_t> run(const std::string& instruction, const Inputs& inputs, Result result, bool odd_only = false);

// Checks the instruction against `expected`, with full and with partial masks, on every instruction set of this machine.
void check(const std::string& instruction, const Inputs& inputs, Result result,
           const std::function<std::uint64_t(std::uint64_t a, std::uint64_t b, std::uint64_t c)>& expected);

}  // namespace bsgen::sim::test
