// Device memory and copies.
#include <fmt/format.h>

#include <cstring>
#include <span>

#include "tests/support/fake_cuda/functions.h"

namespace fake {
namespace {

// The range lies in one allocation of the context; without that a copy fails on the device, later.
bool in_one_allocation(const Context& context, CUdeviceptr address, std::size_t bytes) {
  auto after = context.allocations.upper_bound(address);
  if (after == context.allocations.begin()) return false;
  const auto& [base, buffer] = *std::prev(after);
  return address - base <= buffer.bytes() && bytes <= buffer.bytes() - (address - base);
}

// The driver finds the context of an address by itself; a copy in another context's stream is legal but nothing that bsgen means.
CUresult check_copy(CUstream handle, CUdeviceptr address, std::size_t bytes, Stream** stream) {
  if (const CUresult result = usable(current())) return result;
  if (const CUresult result = find_stream(handle, stream)) return result;
  if ((*stream)->context != current()) {
    state().violation("a copy on a stream of a context that is not current");
    return CUDA_ERROR_INVALID_HANDLE;
  }
  return in_one_allocation(*(*stream)->context, address, bytes) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

}  // namespace

CUresult cuMemAlloc(CUdeviceptr* address, std::size_t bytes) {
  ENTER(cuMemAlloc);
  Context* context = current();
  if (const CUresult result = usable(context)) return call.done(result);
  if (bytes == 0) return call.done(CUDA_ERROR_INVALID_VALUE);
  if (const CUresult result = refuse_unsafe()) return call.done(result);
  Device& device = *context->device;
  if (bytes > state().memory_bytes - device.used_bytes) return call.done(CUDA_ERROR_OUT_OF_MEMORY);
  auto buffer = device.sim->allocate(bytes);
  if (!buffer.ok()) return call.done(CUDA_ERROR_OUT_OF_MEMORY);
  device.used_bytes += bytes;
  *address = buffer->address();
  context->allocations.emplace(*address, std::move(*buffer));
  return call.done(CUDA_SUCCESS);
}

// Waits for the device, as the driver does.
CUresult cuMemFree(CUdeviceptr address) {
  ENTER_RELEASE(cuMemFree);
  if (address == 0) LEAVE_RELEASE(CUDA_SUCCESS);
  Context* context = current();
  if (!context || !state().contexts.count(context)) LEAVE_RELEASE(CUDA_ERROR_INVALID_CONTEXT);
  if (const CUresult result = refuse_unsafe()) LEAVE_RELEASE(result);
  const CUresult earlier = drain_context(*context);
  const auto found = context->allocations.find(address);
  if (found == context->allocations.end()) {
    state().violation(fmt::format("cuMemFree of {:#x}, which is not allocated in the current context", address));
    LEAVE_RELEASE(CUDA_ERROR_INVALID_VALUE);
  }
  context->device->used_bytes -= found->second.bytes();
  context->allocations.erase(found);
  LEAVE_RELEASE(earlier);
}

CUresult cuMemGetInfo(std::size_t* free_bytes, std::size_t* total_bytes) {
  ENTER(cuMemGetInfo);
  Context* context = current();
  if (const CUresult result = usable(context)) return call.done(result);
  *total_bytes = state().memory_bytes;
  *free_bytes = state().memory_bytes - context->device->used_bytes;
  return call.done(CUDA_SUCCESS);
}

// From pageable memory: taken at the call, landing whenever the stream gets there.
CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void* from, std::size_t bytes, CUstream handle) {
  ENTER(cuMemcpyHtoDAsync);
  Stream* stream = nullptr;
  if (const CUresult result = check_copy(handle, to, bytes, &stream)) return call.done(result);
  const auto* begin = static_cast<const std::byte*>(from);
  auto staged = std::make_shared<std::vector<std::byte>>(begin, begin + bytes);
  return call.done(enqueue(*stream, [sim = stream->context->device->sim, to, staged] {
    return sim->copy_in(to, *staged).ok() ? CUDA_SUCCESS : CUDA_ERROR_ILLEGAL_ADDRESS;
  }));
}

// To pageable memory: the driver returns only once the copy is done (CUDA driver API, synchronisation behaviour).
CUresult cuMemcpyDtoHAsync(void* to, CUdeviceptr from, std::size_t bytes, CUstream handle) {
  ENTER(cuMemcpyDtoHAsync);
  Stream* stream = nullptr;
  if (const CUresult result = check_copy(handle, from, bytes, &stream)) return call.done(result);
  const CUresult queued = enqueue(*stream, [sim = stream->context->device->sim, to, from, bytes] {
    return sim->copy_out({static_cast<std::byte*>(to), bytes}, from).ok() ? CUDA_SUCCESS : CUDA_ERROR_ILLEGAL_ADDRESS;
  });
  return call.done(queued || stream->capture ? queued : drain(*stream));
}

}  // namespace fake
