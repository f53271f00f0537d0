// Libraries, kernels and launches.
#include <fmt/format.h>

#include <cstring>

#include "runtime/driver/image_fit.h"
#include "runtime/sim/ptx/parser.h"
#include "tests/support/fake_cuda/functions.h"

namespace fake {
namespace {

// PTX ISA, release notes: the version that each release of the driver brought.
int newest_ptx(int driver_version) {
  if (driver_version >= 13000) return 90 + (driver_version % 1000) / 10;
  constexpr int kOf12[] = {80, 81, 82, 83, 84, 85, 85, 86, 87, 88};
  return kOf12[std::min((driver_version % 1000) / 10, 9)];
}

const Cubin* find_cubin(const void* code) {
  for (const Cubin& cubin : state().cubins)
    if (std::memcmp(cubin.bytes.data(), code, cubin.bytes.size()) == 0) return &cubin;
  return nullptr;
}

bool is_elf(const void* code) { return std::memcmp(code, "\x7f" "ELF", 4) == 0; }

// Some device takes it: with several GPUs a library may be for any of them.
template <class Fits>
bool any_device(Fits&& fits) {
  for (const auto& device : state().devices)
    if (fits(device->arch)) return true;
  return false;
}

void write_log(int* options, void** values, unsigned count, const std::string& text) {
  char* buffer = nullptr;
  std::size_t bytes = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (options[i] == CU_JIT_ERROR_LOG_BUFFER) buffer = static_cast<char*>(values[i]);
    if (options[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES) bytes = reinterpret_cast<std::size_t>(values[i]);
  }
  if (!buffer || bytes == 0) return;
  std::strncpy(buffer, text.c_str(), bytes);
  buffer[bytes - 1] = '\0';
}

Library* find_library(CUlibrary handle) {
  const auto found = state().libraries.find(reinterpret_cast<Library*>(handle));
  return found == state().libraries.end() ? nullptr : found->second.get();
}

Kernel* find_kernel(const void* handle) {
  for (auto& [address, library] : state().libraries)
    for (auto& [name, kernel] : library->kernels)
      if (kernel.get() == handle) return kernel.get();
  return nullptr;
}

Function* find_function(const void* handle) {
  for (auto& [address, library] : state().libraries)
    for (auto& [name, kernel] : library->kernels)
      for (auto& [context, function] : kernel->functions)
        if (function.get() == handle) return function.get();
  return nullptr;
}

bsgen::KernelImage image_of(const Kernel& kernel) {
  bsgen::KernelImage image;
  image.arch.number = kernel.owner->module->target;
  image.arch.suffix = kernel.owner->module->target_suffix;
  image.entry = kernel.name;
  image.ptx = kernel.owner->ptx;
  return image;
}

// Makes the kernel's code on the device. `dynamic_shared_bytes` may have been raised since.
CUresult make_resident(Kernel& kernel, Device& device) {
  Kernel::OnDevice& on = kernel.on[&device];
  if (on.function) return CUDA_SUCCESS;
  const bsgen::KernelImage image = image_of(kernel);
  if (!bsgen::cuda::ptx_fits(image.arch, device.arch)) return CUDA_ERROR_NO_BINARY_FOR_GPU;
  auto loaded = device.sim->load(image, on.dynamic_shared_bytes);
  if (!loaded.ok()) {
    state().last_failure = loaded.status().message();
    return CUDA_ERROR_INVALID_PTX;
  }
  on.function = std::move(*loaded);
  return CUDA_SUCCESS;
}

// What a GPU would have said, by the first finding of the simulated device.
CUresult result_of(const bsgen::sim::LaunchReport& report) {
  for (const bsgen::sim::Diagnostic& diagnostic : report.diagnostics) {
    if (diagnostic.severity != bsgen::sim::Severity::kError) continue;
    if (diagnostic.kind == "out_of_bounds") return CUDA_ERROR_ILLEGAL_ADDRESS;
    if (diagnostic.kind == "misaligned") return CUDA_ERROR_MISALIGNED_ADDRESS;
    if (diagnostic.kind == "deadlock") return CUDA_ERROR_LAUNCH_TIMEOUT;
    break;
  }
  return CUDA_ERROR_LAUNCH_FAILED;
}

CUresult check_config(const CUlaunchConfig& config, const Kernel::OnDevice& on) {
  const unsigned grid[] = {config.gridDimX, config.gridDimY, config.gridDimZ};
  const unsigned grid_limit[] = {0x7fffffff, 65535, 65535};
  for (int i = 0; i < 3; ++i)
    if (grid[i] == 0 || grid[i] > grid_limit[i]) return CUDA_ERROR_INVALID_VALUE;
  const std::uint64_t threads = std::uint64_t{config.blockDimX} * config.blockDimY * config.blockDimZ;
  if (threads == 0 || threads > 1024 || config.blockDimY != 1 || config.blockDimZ != 1) return CUDA_ERROR_INVALID_VALUE;
  if (config.sharedMemBytes > on.dynamic_shared_bytes) return CUDA_ERROR_INVALID_VALUE;
  return CUDA_SUCCESS;
}

}  // namespace

CUresult cuLibraryLoadData(CUlibrary* library, const void* code, int* options, void** values, unsigned num_options, int*, void**, unsigned) {
  ENTER(cuLibraryLoadData);
  State& s = state();
  if (!s.initialized) return call.done(CUDA_ERROR_NOT_INITIALIZED);
  if (!code) return call.done(CUDA_ERROR_INVALID_VALUE);
  if (const CUresult result = refuse_unsafe()) return call.done(result);
  auto made = std::make_unique<Library>();
  if (is_elf(code)) {
    const Cubin* cubin = find_cubin(code);
    if (!cubin || !any_device([&](const bsgen::Arch& gpu) { return bsgen::cuda::cubin_fits(cubin->arch, gpu); }))
      return call.done(CUDA_ERROR_NO_BINARY_FOR_GPU);
    made->ptx = cubin->ptx;
  } else {
    made->ptx = static_cast<const char*>(code);
  }
  auto module = bsgen::sim::ptx::parse(made->ptx);
  if (!module.ok()) {
    write_log(options, values, num_options, module.status().message());
    return call.done(CUDA_ERROR_INVALID_PTX);
  }
  if (module->version_major * 10 + module->version_minor > newest_ptx(s.driver_version)) return call.done(CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
  for (const bsgen::sim::ptx::Function& function : module->functions) {
    if (!function.is_entry || !function.is_defined) continue;
    auto kernel = std::make_unique<Kernel>();
    kernel->owner = made.get();
    kernel->name = std::string(function.name);
    kernel->parameters = function.parameters;
    kernel->parameter_bytes = function.parameter_bytes;
    made->kernels.emplace(kernel->name, std::move(kernel));
  }
  made->module = std::make_shared<const bsgen::sim::ptx::Module>(std::move(*module));
  // The driver's compiler would find out now what the simulated device cannot take.
  if (Context* context = current())
    for (const auto& [name, kernel] : made->kernels)
      if (const bsgen::Status status = context->device->sim->load(image_of(*kernel), 0).status(); !status.ok()) {
        write_log(options, values, num_options, status.message());
        return call.done(CUDA_ERROR_INVALID_PTX);
      }
  *library = reinterpret_cast<CUlibrary>(made.get());
  s.libraries.emplace(made.get(), std::move(made));
  return call.done(CUDA_SUCCESS);
}

CUresult cuLibraryUnload(CUlibrary handle) {
  ENTER_RELEASE(cuLibraryUnload);
  State& s = state();
  const auto found = s.libraries.find(reinterpret_cast<Library*>(handle));
  if (found == s.libraries.end()) {
    s.violation("cuLibraryUnload of a library that does not exist");
    LEAVE_RELEASE(CUDA_ERROR_INVALID_HANDLE);
  }
  if (const CUresult result = refuse_unsafe()) LEAVE_RELEASE(result);
  found->second->kernels.clear();
  s.graveyard.emplace_back(found->second.release(), [](void* p) { delete static_cast<Library*>(p); });
  s.libraries.erase(found);
  LEAVE_RELEASE(CUDA_SUCCESS);
}

CUresult cuLibraryGetKernel(CUkernel* kernel, CUlibrary handle, const char* name) {
  ENTER(cuLibraryGetKernel);
  const Library* library = find_library(handle);
  if (!library) return call.done(CUDA_ERROR_INVALID_HANDLE);
  const auto found = library->kernels.find(name);
  if (found == library->kernels.end()) return call.done(CUDA_ERROR_NOT_FOUND);
  *kernel = reinterpret_cast<CUkernel>(found->second.get());
  return call.done(CUDA_SUCCESS);
}

// What the driver does at the first launch otherwise: brings the code onto the device of the current context.
CUresult cuKernelGetFunction(CUfunction* function, CUkernel handle) {
  ENTER(cuKernelGetFunction);
  Kernel* kernel = find_kernel(handle);
  if (!kernel) return call.done(CUDA_ERROR_INVALID_HANDLE);
  Context* context = current();
  if (const CUresult result = usable(context)) return call.done(result);
  if (const CUresult result = refuse_unsafe()) return call.done(result);
  if (const CUresult result = make_resident(*kernel, *context->device)) return call.done(result);
  auto& made = kernel->functions[context];
  if (!made) made = std::make_unique<Function>(Function{kernel, context});
  *function = reinterpret_cast<CUfunction>(made.get());
  return call.done(CUDA_SUCCESS);
}

CUresult cuKernelSetAttribute(int attribute, int value, CUkernel handle, CUdevice device) {
  ENTER(cuKernelSetAttribute);
  State& s = state();
  Kernel* kernel = find_kernel(handle);
  if (!kernel) return call.done(CUDA_ERROR_INVALID_HANDLE);
  if (device < 0 || device >= static_cast<int>(s.devices.size())) return call.done(CUDA_ERROR_INVALID_DEVICE);
  Device& on = *s.devices[static_cast<std::size_t>(device)];
  if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES || value < 0 || value > on.arch.max_shared_bytes())
    return call.done(CUDA_ERROR_INVALID_VALUE);
  kernel->on[&on].dynamic_shared_bytes = static_cast<unsigned>(value);
  kernel->on[&on].function.reset();
  return call.done(CUDA_SUCCESS);
}

CUresult cuKernelGetParamInfo(CUkernel handle, std::size_t index, std::size_t* offset, std::size_t* bytes) {
  ENTER(cuKernelGetParamInfo);
  const Kernel* kernel = find_kernel(handle);
  if (!kernel) return call.done(CUDA_ERROR_INVALID_HANDLE);
  if (index >= kernel->parameters.size()) return call.done(CUDA_ERROR_INVALID_VALUE);
  *offset = kernel->parameters[index].offset;
  if (bytes) *bytes = kernel->parameters[index].bytes;
  return call.done(CUDA_SUCCESS);
}

namespace {

// A map is of no device in particular; any that takes it will do.
CUresult encode(Context* context, void* map, bsgen::TensorMapConfig config, int type, std::uint32_t rank, void* address, const std::uint64_t* dims, const std::uint64_t* strides,
                const std::uint32_t* element_strides, int interleave, int swizzle, int promotion, int fill) {
  if (const CUresult result = usable(context)) return result;
  config.type = static_cast<bsgen::TensorType>(type);
  config.rank = static_cast<int>(rank);
  config.address = reinterpret_cast<std::uint64_t>(address);
  for (std::uint32_t d = 0; d < rank && d < 5; ++d) {
    config.dims[d] = dims[d], config.element_strides[d] = element_strides[d];
    if (d > 0) config.strides[d - 1] = strides[d - 1];
  }
  config.swizzle = static_cast<bsgen::TensorSwizzle>(swizzle);
  config.promotion = static_cast<bsgen::TensorPromotion>(promotion);
  config.fill = static_cast<bsgen::TensorFill>(fill);
  if (interleave != 0) return CUDA_ERROR_INVALID_VALUE;
  const auto encoded = context->device->sim->encode_tensor_map(config);
  if (!encoded.ok()) return CUDA_ERROR_INVALID_VALUE;
  std::memcpy(map, encoded->bytes, sizeof encoded->bytes);
  return CUDA_SUCCESS;
}

}  // namespace

CUresult cuTensorMapEncodeTiled(void* map, int type, std::uint32_t rank, void* address, const std::uint64_t* dims, const std::uint64_t* strides, const std::uint32_t* box,
                                const std::uint32_t* element_strides, int interleave, int swizzle, int promotion, int fill) {
  ENTER(cuTensorMapEncodeTiled);
  bsgen::TensorMapConfig config;
  for (std::uint32_t d = 0; d < rank && d < 5; ++d) config.box[d] = box[d];
  return call.done(encode(current(), map, config, type, rank, address, dims, strides, element_strides, interleave, swizzle, promotion, fill));
}

CUresult cuTensorMapEncodeIm2col(void* map, int type, std::uint32_t rank, void* address, const std::uint64_t* dims, const std::uint64_t* strides, const int* lower_corner,
                                 const int* upper_corner, std::uint32_t channels_per_pixel, std::uint32_t pixels_per_column, const std::uint32_t* element_strides,
                                 int interleave, int swizzle, int promotion, int fill) {
  ENTER(cuTensorMapEncodeIm2col);
  bsgen::TensorMapConfig config;
  config.im2col = true;
  for (std::uint32_t d = 0; d + 2 < rank && d < 3; ++d) config.lower_corner[d] = lower_corner[d], config.upper_corner[d] = upper_corner[d];
  config.channels_per_pixel = channels_per_pixel, config.pixels_per_column = pixels_per_column;
  return call.done(encode(current(), map, config, type, rank, address, dims, strides, element_strides, interleave, swizzle, promotion, fill));
}

// `handle` is a CUkernel (the context is the stream's) or a CUfunction (which must be of the stream's context).
CUresult cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction handle, void** parameters, void** extra) {
  ENTER(cuLaunchKernelEx);
  State& s = state();
  Stream* stream = nullptr;
  if (const CUresult result = find_stream(config->hStream, &stream)) return call.done(result);
  Kernel* kernel = find_kernel(handle);
  if (!kernel) {
    const Function* function = find_function(handle);
    if (!function || function->context != stream->context) return call.done(CUDA_ERROR_INVALID_HANDLE);
    if (function->context != current()) return call.done(CUDA_ERROR_INVALID_CONTEXT);
    kernel = function->kernel;
  }
  Device& device = *stream->context->device;
  Kernel::OnDevice& on = kernel->on[&device];
  if (!on.function) {  // the driver would load it now, which it cannot while a stream is captured
    if (const CUresult result = refuse_unsafe()) return call.done(result);
    if (const CUresult result = make_resident(*kernel, device)) return call.done(result);
  }
  if (extra || (!parameters && !kernel->parameters.empty()) || config->numAttrs > 1) return call.done(CUDA_ERROR_INVALID_VALUE);
  if (const CUresult result = check_config(*config, on)) return call.done(result);

  auto bytes = std::make_shared<std::vector<std::byte>>(kernel->parameter_bytes);
  for (std::size_t i = 0; i < kernel->parameters.size(); ++i)
    std::memcpy(bytes->data() + kernel->parameters[i].offset, parameters[i], kernel->parameters[i].bytes);
  bsgen::LaunchConfig launch{config->gridDimX, config->gridDimY, config->gridDimZ, config->blockDimX, config->sharedMemBytes};
  if (config->numAttrs == 1) {
    const auto* attribute = static_cast<const CUlaunchAttribute*>(config->attrs);
    if (attribute->id != CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION) return call.done(CUDA_ERROR_INVALID_VALUE);
    launch.cluster_x = attribute->value.clusterDim.x, launch.cluster_y = attribute->value.clusterDim.y, launch.cluster_z = attribute->value.clusterDim.z;
  }
  ++s.launches_queued;
  if (!s.execute) return call.done(CUDA_SUCCESS);
  return call.done(enqueue(*stream, [&s, &device, function = on.function, library = kernel->owner, launch, bytes] {
    // Handles are not used again, so what is not there was unloaded.
    if (!s.libraries.count(library)) s.violation("a launch ran after its code was unloaded");
    const bsgen::Status status = device.sim->launch(*function, launch, *bytes, nullptr);
    ++s.launches_done;
    if (status.ok()) return CUDA_SUCCESS;
    s.last_failure = status.message();
    return result_of(device.sim->last_report());
  }));
}

}  // namespace fake
