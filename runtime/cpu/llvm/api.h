// What libbsgen-cpu offers: the one symbol that it exports, and a table of functions that speak plain C. Everything of LLVM stays
// behind it.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

constexpr std::uint32_t kBsgenCpuAbi = 3;

// Bytes that the library allocated; release() frees them.
struct BsgenCpuBuffer {
  char* data;
  std::size_t size;
};

enum BsgenCpuForm : std::uint32_t { kBsgenCpuObject = 0, kBsgenCpuLlvm = 1, kBsgenCpuAssembly = 2 };

// One call does the part [begin, end) of a pass. worker: scratch of the calling thread; launch: of all together.
//   first pass     its items, see runtime/cpu/cpu_launch.cpp
//   fprop, bprop   lists [begin, end) of all heads, tokens [token_begin, token_end) of one head; or, where there are `columns`, block columns
//                  [begin, end) from the entries offsets[0] to offsets[1], in their order
//   update         blocks [begin, end), tokens [token_begin, token_end)
struct BsgenCpuWork {
  const void* arguments;             // runtime/launch/kernel_arguments.h
  const std::int64_t* offsets;       // of the lists
  const void* entries;               // runtime/cpu/cpu_plan.h, BlockEntry
  float* launch;
  float* worker;
  std::int64_t head, begin, end, token_begin, token_end;
  const std::int32_t* columns;       // null; or the block column of every entry (runtime/cpu/storage_order.h)
};
using BsgenCpuPass = void (*)(const BsgenCpuWork*);

struct BsgenCpuApi {
  std::uint32_t abi;
  const char* llvm_version;
  // Functions that return an int return 0 and fill `out`, or something else and fill `error`.
  int (*host)(BsgenCpuBuffer* cpu, BsgenCpuBuffer* features);
  int (*compile)(const char* plan, std::size_t plan_bytes, std::uint32_t form, BsgenCpuBuffer* out, BsgenCpuBuffer* error);
  // passes[0] is null where the plan has no first pass.
  int (*load)(const char* object, std::size_t object_bytes, void** module, BsgenCpuPass passes[2], BsgenCpuBuffer* error);
  void (*unload)(void* module);
  void (*release)(BsgenCpuBuffer* buffer);
};

__attribute__((visibility("default"))) const BsgenCpuApi* bsgen_cpu_api();
}
