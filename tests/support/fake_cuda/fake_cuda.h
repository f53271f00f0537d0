// fake_cuda: a CUDA driver without a GPU, for tests.
//
// A libcuda.so.1 that implements what runtime/driver/cuda_api.def names, and the part of the driver that an application around
// bsgen uses (application.def), on simulated devices:
//   - it keeps score: contexts, streams, captures, graphs, libraries and allocations are objects with owners; what a driver would
//     answer with an error it does, and what no driver forgives (a double free, a leak at the end of a context) is a violation;
//   - work is queued on streams and done as late as the waits allow, so a missing synchronisation is seen;
//   - it records every call, and fails any of them on demand;
//   - launches run on the simulated device, from the PTX: a cubin it has not been told the PTX of is
//     CUDA_ERROR_NO_BINARY_FOR_GPU, which makes bsgen hand over the PTX, as it would on a GPU newer than the cubin.
//
// Two ways to use it: link the target `fake_cuda` (dlopen("libcuda.so.1") then finds it by its SONAME) and steer it with the
// functions below; or run any program with LD_LIBRARY_PATH=build/fake, where two variables choose what it presents:
//   FAKE_CUDA_DEVICES=sm_80,sm_90   the devices (default: one sm_80)
//   FAKE_CUDA_DRIVER=12040          the driver's version (default: 13000)
// Every function may be called from any thread; calls into the driver are done one after the other.
#pragma once

#include <cstddef>
#include <cstdint>

#define FAKE_CUDA_EXPORT extern "C" __attribute__((visibility("default")))

// Back to the first state: nothing lives, nothing is recorded, no failure is pending. `devices` and `driver_version` as in the
// variables; nullptr and 0 take those.
FAKE_CUDA_EXPORT void fake_cuda_reset(const char* devices, int driver_version);

// What the driver was called for since the reset or the last clear, in order. Names are those of cuda_api.def.
struct FakeCudaCall {
  const char* name;
  int result;           // CUresult
  std::uint64_t thread;  // which thread, by number of first appearance
};
FAKE_CUDA_EXPORT void fake_cuda_clear_calls();
FAKE_CUDA_EXPORT std::size_t fake_cuda_num_calls();
FAKE_CUDA_EXPORT FakeCudaCall fake_cuda_call(std::size_t index);

// Makes calls fail with `result`: the `skip` next ones (of that name; of any for nullptr) pass, then `count` fail. A call that gives
// something back (cuMemFree, cuLibraryUnload, ...) does so all the same, as the driver does when it reports an earlier error.
// The two calls that say what an error means never fail.
FAKE_CUDA_EXPORT void fake_cuda_fail(const char* name, std::size_t skip, std::size_t count, int result);

// Makes the entry point unknown to cuGetProcAddress, as in an older driver. Works until the reset for who asks from now on.
FAKE_CUDA_EXPORT void fake_cuda_hide(const char* name);

// Lets libraries be loaded from this cubin: it stands for `ptx` and is for `arch` ("sm_80").
FAKE_CUDA_EXPORT void fake_cuda_register_cubin(const void* cubin, std::size_t bytes, const char* ptx, const char* arch);

// Device memory of every device, bytes (default 4 GiB).
FAKE_CUDA_EXPORT void fake_cuda_set_memory(std::size_t bytes);

// With 0, launches are checked and recorded but not executed: for measuring and for counting calls.
FAKE_CUDA_EXPORT void fake_cuda_set_execute(int execute);

// What lives now, over all devices.
struct FakeCudaLive {
  std::size_t contexts, streams, allocations, libraries, captures, graphs, events;
};
FAKE_CUDA_EXPORT FakeCudaLive fake_cuda_live();

// Launches that were queued (also by a graph), and those that were executed.
FAKE_CUDA_EXPORT std::size_t fake_cuda_launches_queued();
FAKE_CUDA_EXPORT std::size_t fake_cuda_launches_done();

// What no driver forgives, in words; nullptr beyond the last.
FAKE_CUDA_EXPORT std::size_t fake_cuda_num_violations();
FAKE_CUDA_EXPORT const char* fake_cuda_violation(std::size_t index);

// Why the simulated device failed a launch, in its words; "" if none did.
FAKE_CUDA_EXPORT const char* fake_cuda_last_failure();
