// The cpu device with options of its own. Device::open("cpu") opens one with the defaults.
//
//   auto device = bsgen::open_cpu({.threads = 4});
//   auto device = bsgen::open_cpu({.threads = pool.size(), .parallel_for = [&](int tasks, const bsgen::CpuTask& task) {
//                                    pool.run(tasks, task);   // task(0) ... task(tasks - 1), each once, on any threads
//                                  }});
//
// Results have the same bits for any number of threads: no sum is ever split. Of fprop and bprop a token's outputs do not depend on how many
// other tokens a launch has. Memory is the process's own: an address of a TensorView
// is a pointer, DeviceBuffers are one way to get some.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "bsgen/device.h"
#include "bsgen/status.h"

namespace bsgen {

using CpuTask = std::function<void(int task)>;

struct CpuOptions {
  // Threads that work at once, the caller's among them; 0: as many as this process may run on.
  int threads = 0;
  // Replaces the device's own threads. Runs task(0) to task(tasks - 1), each once, and returns when all are done.
  std::function<void(int tasks, const CpuTask& task)> parallel_for = {};
  // Code for a lesser machine than this one: "avx512" (which widens bf16), "avx2" or "portable". Empty: all that this one has.
  std::string instructions = {};
};

Expected<std::shared_ptr<Device>> open_cpu(const CpuOptions& options = {});

}  // namespace bsgen
