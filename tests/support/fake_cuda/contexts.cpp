// The driver itself, its devices and contexts.
#include <fmt/format.h>

#include <cstring>

#include "tests/support/fake_cuda/functions.h"

namespace fake {
namespace {

struct ErrorText {
  CUresult result;
  const char* name;
  const char* text;
};

// The words of the real driver.
constexpr ErrorText kErrors[] = {
    {CUDA_SUCCESS, "CUDA_SUCCESS", "no error"},
    {CUDA_ERROR_INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {CUDA_ERROR_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {CUDA_ERROR_NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {CUDA_ERROR_DEINITIALIZED, "CUDA_ERROR_DEINITIALIZED", "driver shutting down"},
    {CUDA_ERROR_NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {CUDA_ERROR_INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {CUDA_ERROR_INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {CUDA_ERROR_INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {CUDA_ERROR_NO_BINARY_FOR_GPU, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"},
    {CUDA_ERROR_INVALID_PTX, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {CUDA_ERROR_UNSUPPORTED_PTX_VERSION, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the provided PTX was compiled with an unsupported toolchain."},
    {CUDA_ERROR_INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {CUDA_ERROR_NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {CUDA_ERROR_NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
    {CUDA_ERROR_ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
    {CUDA_ERROR_LAUNCH_TIMEOUT, "CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated"},
    {CUDA_ERROR_CONTEXT_IS_DESTROYED, "CUDA_ERROR_CONTEXT_IS_DESTROYED", "context is destroyed"},
    {CUDA_ERROR_MISALIGNED_ADDRESS, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {CUDA_ERROR_LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"},
    {CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
     "operation failed due to a previous error during capture"},
    {CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT",
     "operation would make the legacy stream depend on a capturing blocking stream"},
    {CUDA_ERROR_UNKNOWN, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

const ErrorText* find_error(CUresult result) {
  for (const ErrorText& error : kErrors)
    if (error.result == result) return &error;
  return nullptr;
}

Device* find_device(CUdevice device) {
  State& s = state();
  if (!s.initialized || device < 0 || device >= static_cast<int>(s.devices.size())) return nullptr;
  return s.devices[static_cast<std::size_t>(device)].get();
}

CUresult no_device() { return state().initialized ? CUDA_ERROR_INVALID_DEVICE : CUDA_ERROR_NOT_INITIALIZED; }

}  // namespace

CUresult usable(Context* context) {
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  if (!state().contexts.count(context)) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
  return context->broken;
}

std::unique_ptr<Context> make_context(Device& device) {
  if (!device.sim) device.sim = bsgen::sim::SimDevice::create({.arch = device.arch});
  auto context = std::make_unique<Context>();
  context->device = &device;
  for (std::unique_ptr<Stream>* stream : {&context->legacy, &context->per_thread}) {
    *stream = std::make_unique<Stream>();
    (*stream)->context = context.get();
  }
  context->legacy->legacy = true;
  return context;
}

// A driver frees what is left; whoever left it there has leaked it.
void destroy_context(Context* context, std::string_view what) {
  State& s = state();
  drain_context(*context);
  if (!context->allocations.empty())
    s.violation(fmt::format("{} with {} allocations in it", what, context->allocations.size()));
  if (!context->streams.empty()) s.violation(fmt::format("{} with {} streams in it", what, context->streams.size()));
  for (Stream* stream : context->streams) s.streams.erase(stream);
  const std::size_t events = std::erase_if(s.events, [&](const auto& event) { return event.second->context == context; });
  if (events > 0) s.violation(fmt::format("{} with {} events in it", what, events));
  for (const auto& [address, buffer] : context->allocations) context->device->used_bytes -= buffer.bytes();
  for (auto& [handle, library] : s.libraries)
    for (auto& [name, kernel] : library->kernels) kernel->functions.erase(context);
  context->allocations.clear();
  const auto found = s.contexts.find(context);
  s.graveyard.emplace_back(found->second.release(), [](void* p) { delete static_cast<Context*>(p); });
  s.contexts.erase(found);
}

CUresult cuInit(unsigned flags) {
  ENTER(cuInit);
  State& s = state();
  if (flags != 0) return call.done(CUDA_ERROR_INVALID_VALUE);
  if (s.devices.empty()) return call.done(CUDA_ERROR_NO_DEVICE);
  s.initialized = true;
  return call.done(CUDA_SUCCESS);
}

CUresult cuDriverGetVersion(int* version) {
  ENTER(cuDriverGetVersion);
  *version = state().driver_version;
  return call.done(CUDA_SUCCESS);
}

CUresult cuGetErrorName(CUresult error, const char** text) {
  const ErrorText* found = find_error(error);
  *text = found ? found->name : nullptr;
  return found ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

// After a failed launch the text goes on with what the simulated device said, for whoever runs an unmodified program.
CUresult cuGetErrorString(CUresult error, const char** text) {
  const ErrorText* found = find_error(error);
  *text = found ? found->text : nullptr;
  const bool of_kernel = error == CUDA_ERROR_ILLEGAL_ADDRESS || error == CUDA_ERROR_MISALIGNED_ADDRESS || error == CUDA_ERROR_LAUNCH_TIMEOUT ||
                         error == CUDA_ERROR_LAUNCH_FAILED;
  if (found && of_kernel) {
    State& s = state();
    std::lock_guard lock(s.mutex);
    static std::string* const explained = new std::string;
    *explained = s.last_failure.empty() ? found->text : fmt::format("{}: {}", found->text, s.last_failure);
    *text = explained->c_str();
  }
  return found ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuDeviceGetCount(int* count) {
  ENTER(cuDeviceGetCount);
  if (!state().initialized) return call.done(CUDA_ERROR_NOT_INITIALIZED);
  *count = static_cast<int>(state().devices.size());
  return call.done(CUDA_SUCCESS);
}

CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  ENTER(cuDeviceGet);
  if (!find_device(ordinal)) return call.done(no_device());
  *device = ordinal;
  return call.done(CUDA_SUCCESS);
}

CUresult cuDeviceGetName(char* text, int bytes, CUdevice device) {
  ENTER(cuDeviceGetName);
  const Device* found = find_device(device);
  if (!found) return call.done(no_device());
  if (bytes <= 0) return call.done(CUDA_ERROR_INVALID_VALUE);
  const std::string name = fmt::format("fake sm_{}", found->arch.number);
  std::strncpy(text, name.c_str(), static_cast<std::size_t>(bytes));
  text[bytes - 1] = '\0';
  return call.done(CUDA_SUCCESS);
}

CUresult cuDeviceGetAttribute(int* value, int attribute, CUdevice device) {
  ENTER(cuDeviceGetAttribute);
  const Device* found = find_device(device);
  if (!found) return call.done(no_device());
  switch (attribute) {
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *value = found->arch.number / 10; break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *value = found->arch.number % 10; break;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: *value = 2; break;
    default: return call.done(CUDA_ERROR_INVALID_VALUE);
  }
  return call.done(CUDA_SUCCESS);
}

CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
  ENTER(cuDevicePrimaryCtxRetain);
  Device* found = find_device(device);
  if (!found) return call.done(no_device());
  if (!found->primary) {
    auto made = make_context(*found);
    found->primary = made.get();
    state().contexts.emplace(made.get(), std::move(made));
  }
  ++found->primary_references;
  *context = reinterpret_cast<CUcontext>(found->primary);
  return call.done(CUDA_SUCCESS);
}

CUresult cuDevicePrimaryCtxRelease(CUdevice device) {
  ENTER_RELEASE(cuDevicePrimaryCtxRelease);
  Device* found = find_device(device);
  if (!found) LEAVE_RELEASE(no_device());
  if (found->primary_references == 0) {
    state().violation(fmt::format("cuDevicePrimaryCtxRelease of device {} once too often", device));
    LEAVE_RELEASE(CUDA_ERROR_INVALID_CONTEXT);
  }
  if (--found->primary_references == 0) {
    destroy_context(found->primary, fmt::format("the primary context of device {} ended", device));
    found->primary = nullptr;
  }
  LEAVE_RELEASE(CUDA_SUCCESS);
}

CUresult cuCtxPushCurrent(CUcontext context) {
  ENTER(cuCtxPushCurrent);
  auto* pushed = reinterpret_cast<Context*>(context);
  if (!state().contexts.count(pushed)) {
    state().violation("cuCtxPushCurrent of a context that does not exist");
    return call.done(CUDA_ERROR_INVALID_CONTEXT);
  }
  this_thread().stack.push_back(pushed);
  return call.done(CUDA_SUCCESS);
}

CUresult cuCtxPopCurrent(CUcontext* context) {
  ENTER_RELEASE(cuCtxPopCurrent);
  auto& stack = this_thread().stack;
  if (stack.empty()) {
    state().violation("cuCtxPopCurrent of an empty stack");
    LEAVE_RELEASE(CUDA_ERROR_INVALID_CONTEXT);
  }
  if (context) *context = reinterpret_cast<CUcontext>(stack.back());
  stack.pop_back();
  LEAVE_RELEASE(CUDA_SUCCESS);
}

CUresult cuCtxGetCurrent(CUcontext* context) {
  ENTER(cuCtxGetCurrent);
  *context = reinterpret_cast<CUcontext>(current());
  return call.done(CUDA_SUCCESS);
}

CUresult cuCtxGetDevice(CUdevice* device) {
  ENTER(cuCtxGetDevice);
  Context* context = current();
  if (const CUresult result = usable(context)) return call.done(result);
  *device = context->device->ordinal;
  return call.done(CUDA_SUCCESS);
}

CUresult cuCtxSetCurrent(CUcontext context) {
  ENTER(cuCtxSetCurrent);
  auto& stack = this_thread().stack;
  if (!stack.empty()) stack.pop_back();
  if (context) stack.push_back(reinterpret_cast<Context*>(context));
  return call.done(CUDA_SUCCESS);
}

CUresult cuCtxCreate(CUcontext* context, unsigned, CUdevice device) {
  ENTER(cuCtxCreate);
  Device* found = find_device(device);
  if (!found) return call.done(no_device());
  auto made = make_context(*found);
  this_thread().stack.push_back(made.get());
  *context = reinterpret_cast<CUcontext>(made.get());
  state().contexts.emplace(made.get(), std::move(made));
  return call.done(CUDA_SUCCESS);
}

CUresult cuCtxDestroy(CUcontext context) {
  ENTER_RELEASE(cuCtxDestroy);
  auto* destroyed = reinterpret_cast<Context*>(context);
  if (!state().contexts.count(destroyed)) LEAVE_RELEASE(CUDA_ERROR_INVALID_CONTEXT);
  auto& stack = this_thread().stack;
  if (!stack.empty() && stack.back() == destroyed) stack.pop_back();
  destroy_context(destroyed, "a context was destroyed");
  LEAVE_RELEASE(CUDA_SUCCESS);
}

}  // namespace fake
