#include "runtime/driver/cuda_function.h"

#include <fmt/format.h>

#include <string_view>

#include "runtime/driver/cuda_status.h"
#include "runtime/driver/current_context.h"
#include "runtime/driver/image_fit.h"

namespace bsgen::cuda {

CudaFunction::~CudaFunction() { state_.late->unload(library_); }

// One attempt with one image: every step's failure unwinds what came before.
class FunctionLoader {
 public:
  FunctionLoader(std::shared_ptr<const Device> owner, const DeviceState& state, const std::string& entry, std::uint32_t dynamic_shared_bytes)
      : owner_(std::move(owner)), state_(state), entry_(entry), dynamic_shared_bytes_(dynamic_shared_bytes) {}

  Expected<std::shared_ptr<const DeviceFunction>> load(const void* code) {
    const CudaApi& api = *state_.api;
    CUlibrary library = nullptr;
    BSGEN_TRY(load_library(code, &library));
    auto function = std::make_shared<CudaFunction>(owner_, state_, library);
    function->name_ = entry_;
    BSGEN_TRY(check(api.cuLibraryGetKernel(&function->kernel_, library, entry_.c_str()), "cuLibraryGetKernel of " + entry_));
    if (dynamic_shared_bytes_ > 0)
      BSGEN_TRY(check(api.cuKernelSetAttribute(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, static_cast<int>(dynamic_shared_bytes_),
                                               function->kernel_, state_.device),
                      fmt::format("cuKernelSetAttribute to {} bytes of dynamic shared memory", dynamic_shared_bytes_)));
    // Forces the code onto the device: with lazy loading the first launch would do it, which a stream capture forbids.
    CUfunction resident = nullptr;
    BSGEN_TRY(check(api.cuKernelGetFunction(&resident, function->kernel_), "cuKernelGetFunction of " + entry_));
    if (api.cuKernelGetParamInfo) {
      std::size_t offset = 0;
      BSGEN_TRY(check(api.cuKernelGetParamInfo(function->kernel_, 0, &offset, &function->parameter_bytes_), "cuKernelGetParamInfo of " + entry_));
    }
    return std::shared_ptr<const DeviceFunction>(std::move(function));
  }

  // Of the last load(): what the driver answered.
  CUresult result() const { return result_; }

 private:
  // With lazy loading any of the calls may be the one at which the driver looks at the code.
  Status check(CUresult result, std::string_view call) {
    result_ = result;
    const DeviceInfo& gpu = state_.info;
    switch (result) {
      case CUDA_ERROR_INVALID_PTX:
        return {ErrorCode::kCompileFailed, fmt::format("device: {}: the driver does not assemble the PTX of {} for {}: {}", gpu.name, entry_,
                                                       gpu.arch.name(), log_[0] ? first_line(log_) : "it gives no reason")};
      case CUDA_ERROR_UNSUPPORTED_PTX_VERSION:
        return {ErrorCode::kMissing, fmt::format("device: {}: the driver is for CUDA {} and older than the compiler that made the PTX of {}; "
                                                 "update the driver", gpu.name, version_text(state_.driver_version), entry_)};
      default: return cuda_status(*state_.api, result, gpu.name, call);
    }
  }

  Status load_library(const void* code, CUlibrary* library) {
    log_[0] = '\0';
    int options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
    void* values[] = {log_, reinterpret_cast<void*>(sizeof log_)};
    return check(state_.api->cuLibraryLoadData(library, code, options, values, 2, nullptr, nullptr, 0), "cuLibraryLoadData");
  }

  static std::string_view first_line(std::string_view log) { return log.substr(0, log.find('\n')); }

  std::shared_ptr<const Device> owner_;
  const DeviceState& state_;
  const std::string& entry_;
  std::uint32_t dynamic_shared_bytes_;
  CUresult result_ = CUDA_SUCCESS;
  char log_[4096] = "";  // what the driver's compiler says
};

Expected<std::shared_ptr<const DeviceFunction>> load_function(std::shared_ptr<const Device> owner, const DeviceState& state,
                                                              const KernelImage& image, std::uint32_t dynamic_shared_bytes) {
  const Arch& gpu = state.info.arch;
  const bool cubin = !image.cubin.empty() && cubin_fits(image.arch, gpu);
  const bool ptx = !image.ptx.empty() && ptx_fits(image.arch, gpu);
  const auto wrong_architecture = [&] {
    return Status(ErrorCode::kInvalidArgument,
                  fmt::format("device: {} was compiled for {}, {} is an {} ({}); compile it with --arch {}", image.entry, image.arch.name(),
                              state.info.name, gpu.name(), state.info.model, gpu.name()));
  };
  if (!cubin && !ptx) return wrong_architecture();

  FunctionLoader loader(std::move(owner), state, image.entry, dynamic_shared_bytes);
  if (cubin) {
    auto loaded = loader.load(image.cubin.data());
    // The GPU or the driver may still decline what the rule lets through (an older driver does not know newer cubins); the PTX
    // may do, since the driver's own compiler makes it into code.
    const bool declined = loader.result() == CUDA_ERROR_NO_BINARY_FOR_GPU || loader.result() == CUDA_ERROR_INVALID_IMAGE;
    if (loaded.ok() || !declined) return loaded;
    if (!ptx) return loader.result() == CUDA_ERROR_NO_BINARY_FOR_GPU ? wrong_architecture() : loaded.status();
  }
  return loader.load(image.ptx.c_str());
}

}  // namespace bsgen::cuda
