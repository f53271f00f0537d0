#include "runtime/driver/cuda_device.h"

#include <fmt/format.h>

#include "runtime/driver/cuda_function.h"
#include "runtime/driver/cuda_status.h"
#include "runtime/driver/current_context.h"
#include "runtime/driver/graph_share.h"

namespace bsgen::cuda {
namespace {

// The architecture of the hardware, with the suffix that opens all of it (from sm_90 on every chip has one).
Arch arch_of(int major, int minor) {
  Arch arch;
  arch.number = major * 10 + minor;
  arch.suffix = arch.number >= 90 ? 'a' : '\0';
  return arch;
}

Expected<DeviceInfo> describe_device(const CudaApi& api, CUdevice device, int ordinal) {
  DeviceInfo info;
  info.kind = "cuda";
  info.name = fmt::format("cuda:{}", ordinal);
  info.ordinal = ordinal;
  char model[256] = "";
  BSGEN_TRY(cuda_status(api, api.cuDeviceGetName(model, sizeof model, device), info.name, "cuDeviceGetName"));
  info.model = model;
  int major = 0, minor = 0;
  const auto attribute = [&](int which, int* value) {
    return cuda_status(api, api.cuDeviceGetAttribute(value, which, device), info.name, "cuDeviceGetAttribute");
  };
  BSGEN_TRY(attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, &major));
  BSGEN_TRY(attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, &minor));
  BSGEN_TRY(attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, &info.num_sms));
  info.arch = arch_of(major, minor);
  return info;
}

Expected<int> count_devices(const CudaApi& api) {
  int count = 0;
  BSGEN_TRY(cuda_status(api, api.cuDeviceGetCount(&count), "cuda", "cuDeviceGetCount"));
  return count;
}

Expected<CUdevice> get_device(const CudaApi& api, int ordinal) {
  CUdevice device = 0;
  BSGEN_TRY(cuda_status(api, api.cuDeviceGet(&device, ordinal), fmt::format("cuda:{}", ordinal), "cuDeviceGet"));
  return device;
}

class CudaDevice final : public Device {
 public:
  // `retained`: the primary context, given back at the end.
  CudaDevice(const CudaApi& api, CUdevice device, CUcontext context, bool retained, DeviceInfo info, int driver_version)
      : late_(api, context), state_{&api, device, context, std::move(info), driver_version, &late_}, retained_(retained) {}

  ~CudaDevice() override {
    {
      const CurrentContext current(api(), state_.context, name());
      late_.collect_all();
      if (stream_) api().cuStreamDestroy(stream_);
    }
    if (retained_) api().cuDevicePrimaryCtxRelease(state_.device);
  }

  // Launches that name no stream go to a stream of the device's own. It is a blocking one, so it keeps the order with work on
  // the legacy default stream; unlike that one it says which context it is of, so that launch need not ask.
  Status create_stream() {
    const CurrentContext current(api(), state_.context, name());
    BSGEN_TRY(current.status());
    BSGEN_TRY(status(api().cuStreamCreate(&stream_, CU_STREAM_DEFAULT), "cuStreamCreate"));
    late_.note(stream_);
    return {};
  }

  const DeviceInfo& info() const override { return state_.info; }

  Status copy_in(std::uint64_t destination, std::span<const std::byte> source) override {
    if (source.empty()) return {};
    const CurrentContext current(api(), state_.context, name());
    BSGEN_TRY(current.status());
    BSGEN_TRY(current.refuse_capture());
    BSGEN_TRY(status(api().cuMemcpyHtoDAsync(destination, source.data(), source.size(), stream_), "cuMemcpyHtoDAsync"));
    return status(api().cuStreamSynchronize(stream_), "cuStreamSynchronize");
  }

  Status copy_out(std::span<std::byte> destination, std::uint64_t source) override {
    if (destination.empty()) return {};
    const CurrentContext current(api(), state_.context, name());
    BSGEN_TRY(current.status());
    BSGEN_TRY(current.refuse_capture());
    BSGEN_TRY(status(api().cuMemcpyDtoHAsync(destination.data(), source, destination.size(), stream_), "cuMemcpyDtoHAsync"));
    return status(api().cuStreamSynchronize(stream_), "cuStreamSynchronize");
  }

  Expected<std::shared_ptr<const DeviceFunction>> load(const KernelImage& image, std::uint32_t dynamic_shared_bytes) override {
    const CurrentContext current(api(), state_.context, name());
    BSGEN_TRY(current.status());
    BSGEN_TRY(current.refuse_capture());
    return_what_graphs_let_go();
    late_.collect();
    return load_function(shared_from_this(), state_, image, dynamic_shared_bytes);
  }

  Status launch(const DeviceFunction& function, const LaunchConfig& config, std::span<const std::byte> parameters, Stream stream) override {
    const auto* kernel = dynamic_cast<const CudaFunction*>(&function);
    if (!kernel || kernel->owner() != this)
      return {ErrorCode::kInvalidArgument, fmt::format("device: {}: the function was loaded on another device; load it on this one", name())};
    if (parameters.size() < kernel->parameter_bytes())  // the driver would read past them
      return {ErrorCode::kInvalidArgument, fmt::format("device: {}: {} takes {} bytes of parameters, the launch has {}", name(), kernel->name(),
                                                       kernel->parameter_bytes(), parameters.size())};
    CUlaunchAttribute cluster{CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION, {}, {}};
    cluster.value.clusterDim = {config.cluster_x, config.cluster_y, config.cluster_z};
    const bool clusters = config.cluster_x * config.cluster_y * config.cluster_z != 1;
    const CUlaunchConfig launch = {config.grid_x,  config.grid_y, config.grid_z, config.threads, 1, 1, config.shared_bytes,
                                   stream ? static_cast<CUstream>(stream) : stream_, clusters ? &cluster : nullptr, clusters ? 1u : 0u};
    void* values[] = {const_cast<std::byte*>(parameters.data())};
    // A CUkernel in place of the CUfunction: the driver takes the context from the stream (cuda.h, cuLaunchKernelEx).
    const CUresult result = api().cuLaunchKernelEx(&launch, reinterpret_cast<CUfunction>(kernel->kernel()), values, nullptr);
    if (stream) late_.note(static_cast<CUstream>(stream));
    if (result == CUDA_SUCCESS) return {};
    return status(result, fmt::format("cuLaunchKernelEx of {} with {} x {} x {} ctas of {} threads and {} bytes of shared memory", kernel->name(),
                                      config.grid_x, config.grid_y, config.grid_z, config.threads, config.shared_bytes));
  }

  Status synchronize(Stream stream) override {
    const CurrentContext current(api(), state_.context, name());
    BSGEN_TRY(current.status());
    const CUstream which = stream ? static_cast<CUstream>(stream) : stream_;
    // Waiting for a stream that is being captured is an error that would also end the capture.
    int capture = CU_STREAM_CAPTURE_STATUS_NONE;
    BSGEN_TRY(status(api().cuStreamIsCapturing(which, &capture), "cuStreamIsCapturing"));
    if (capture != CU_STREAM_CAPTURE_STATUS_NONE)
      return {ErrorCode::kDevice, fmt::format("device: {}: a stream that is being captured cannot be synchronised; end the capture first", name())};
    BSGEN_TRY(status(api().cuStreamSynchronize(which), "cuStreamSynchronize"));
    return_what_graphs_let_go();
    late_.collect();
    return {};
  }

  // The device's own stream is nobody else's to capture, and the legacy one cannot be captured.
  Expected<std::uint64_t> capture_of(Stream stream) override {
    if (reinterpret_cast<std::uintptr_t>(stream) <= 1) return std::uint64_t{0};
    int capturing = CU_STREAM_CAPTURE_STATUS_NONE;
    std::uint64_t id = 0;
    BSGEN_TRY(status(api().cuStreamGetCaptureInfo(static_cast<CUstream>(stream), &capturing, &id, nullptr, nullptr, nullptr), "cuStreamGetCaptureInfo"));
    return capturing == CU_STREAM_CAPTURE_STATUS_ACTIVE ? id : 0;
  }

  Status keep_with_graph(Stream stream, std::shared_ptr<const void> resources) override {
    int capturing = CU_STREAM_CAPTURE_STATUS_NONE;
    CUgraph graph = nullptr;
    BSGEN_TRY(status(api().cuStreamGetCaptureInfo(static_cast<CUstream>(stream), &capturing, nullptr, &graph, nullptr, nullptr), "cuStreamGetCaptureInfo"));
    if (capturing != CU_STREAM_CAPTURE_STATUS_ACTIVE) return {};  // it was ended meanwhile: the launch will say so
    return give_to_graph(api(), name(), graph, std::move(resources));
  }

  void forget(Stream stream) override {
    if (!stream) return;  // the device's own, which it destroys itself
    const CurrentContext current(api(), state_.context, name());
    late_.forget(static_cast<CUstream>(stream));
  }

 protected:
  Expected<std::uint64_t> allocate_memory(std::size_t bytes) override {
    const CurrentContext current(api(), state_.context, name());
    BSGEN_TRY(current.status());
    BSGEN_TRY(current.refuse_capture());
    return_what_graphs_let_go();
    late_.collect();
    CUdeviceptr address = 0;
    CUresult result = api().cuMemAlloc(&address, bytes);
    if (result == CUDA_ERROR_OUT_OF_MEMORY) {
      late_.collect_all();
      result = api().cuMemAlloc(&address, bytes);
    }
    if (result == CUDA_SUCCESS) return address;
    const std::string call = fmt::format("cuMemAlloc of {} bytes", bytes);
    std::size_t free_bytes = 0, total_bytes = 0;
    if (result != CUDA_ERROR_OUT_OF_MEMORY || api().cuMemGetInfo(&free_bytes, &total_bytes) != CUDA_SUCCESS) return status(result, call);
    return Status(ErrorCode::kDevice, fmt::format("device: {}: {}, {} of {} bytes are free; free some or use fewer tokens", name(),
                                                  describe(api(), result, call), free_bytes, total_bytes));
  }

  Expected<TensorMap> encode_verified(const TensorMapConfig& config) override {
    const auto rank = static_cast<std::uint32_t>(config.rank);
    const int type = static_cast<int>(config.type), swizzle = static_cast<int>(config.swizzle), promotion = static_cast<int>(config.promotion),
              fill = static_cast<int>(config.fill);
    void* const address = reinterpret_cast<void*>(config.address);
    const std::string_view call = config.im2col ? "cuTensorMapEncodeIm2col" : "cuTensorMapEncodeTiled";
    if (config.im2col ? api().cuTensorMapEncodeIm2col == nullptr : api().cuTensorMapEncodeTiled == nullptr)
      return Status(ErrorCode::kMissing, fmt::format("device: {}: the driver has no {}; update it", name(), call));
    const CurrentContext current(api(), state_.context, name());
    BSGEN_TRY(current.status());
    TensorMap map;
    const CUresult result =
        config.im2col
            ? api().cuTensorMapEncodeIm2col(&map, type, rank, address, config.dims, config.strides, config.lower_corner, config.upper_corner,
                                            config.channels_per_pixel, config.pixels_per_column, config.element_strides, 0, swizzle, promotion, fill)
            : api().cuTensorMapEncodeTiled(&map, type, rank, address, config.dims, config.strides, config.box, config.element_strides, 0, swizzle, promotion, fill);
    BSGEN_TRY(status(result, call));
    return map;
  }

  void free_memory(std::uint64_t address) override { late_.free(address); }

 private:
  const CudaApi& api() const { return *state_.api; }
  const std::string& name() const { return state_.info.name; }
  Status status(CUresult result, std::string_view call) const { return cuda_status(api(), result, name(), call); }

  LateRelease late_;
  DeviceState state_;
  bool retained_;
  CUstream stream_ = nullptr;
};

Expected<int> driver_version(const CudaApi& api) {
  int version = 0;
  BSGEN_TRY(cuda_status(api, api.cuDriverGetVersion(&version), "cuda", "cuDriverGetVersion"));
  return version;
}

Expected<DeviceInfo> describe_usable(const CudaApi& api, CUdevice device, int ordinal) {
  BSGEN_ASSIGN(DeviceInfo info, describe_device(api, device, ordinal));
  if (info.arch.number < 75)
    return Status(ErrorCode::kMissing, fmt::format("device: {} ({}) is an {}, bsgen needs sm_75 or newer; use --device sim", info.name, info.model,
                                                   info.arch.name()));
  return info;
}

}  // namespace

Expected<DriverInfo> driver_info() {
  BSGEN_ASSIGN(const CudaApi* api, cuda_api());
  DriverInfo info;
  BSGEN_TRY(cuda_status(*api, api->cuDriverGetVersion(&info.version), "cuda", "cuDriverGetVersion"));
  BSGEN_ASSIGN(const int count, count_devices(*api));
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    BSGEN_ASSIGN(const CUdevice device, get_device(*api, ordinal));
    BSGEN_ASSIGN(DeviceInfo one, describe_device(*api, device, ordinal));
    info.devices.push_back(std::move(one));
  }
  return info;
}

Expected<std::shared_ptr<Device>> open_cuda(int ordinal) {
  BSGEN_ASSIGN(const CudaApi* api, cuda_api());
  BSGEN_ASSIGN(const int count, count_devices(*api));
  if (ordinal >= count)
    return Status(ErrorCode::kMissing, fmt::format("device: cuda:{} not found, this machine has {} GPU{} (cuda:0{}); use one of these or --device sim",
                                                   ordinal, count, count == 1 ? "" : "s", count > 1 ? fmt::format(" to cuda:{}", count - 1) : ""));
  BSGEN_ASSIGN(const int version, driver_version(*api));
  BSGEN_ASSIGN(const CUdevice device, get_device(*api, ordinal));
  BSGEN_ASSIGN(DeviceInfo info, describe_usable(*api, device, ordinal));
  CUcontext context = nullptr;
  BSGEN_TRY(cuda_status(*api, api->cuDevicePrimaryCtxRetain(&context, device), info.name, "cuDevicePrimaryCtxRetain"));
  auto opened = std::make_shared<CudaDevice>(*api, device, context, true, std::move(info), version);
  BSGEN_TRY(opened->create_stream());
  return std::shared_ptr<Device>(std::move(opened));
}

Expected<std::shared_ptr<Device>> open_context(CUcontext context) {
  BSGEN_ASSIGN(const CudaApi* api, cuda_api());
  if (!context) BSGEN_TRY(cuda_status(*api, api->cuCtxGetCurrent(&context), "cuda", "cuCtxGetCurrent"));
  if (!context)
    return Status(ErrorCode::kInvalidArgument, "device: no context is current in this thread; make one current or open cuda:N, which has one");
  CUdevice device = 0;
  {
    const CurrentContext current(*api, context, "cuda");
    BSGEN_TRY(current.status());
    BSGEN_TRY(cuda_status(*api, api->cuCtxGetDevice(&device), "cuda", "cuCtxGetDevice"));
  }
  BSGEN_ASSIGN(const int count, count_devices(*api));
  int ordinal = 0;
  for (; ordinal < count; ++ordinal) {
    BSGEN_ASSIGN(const CUdevice candidate, get_device(*api, ordinal));
    if (candidate == device) break;
  }
  BSGEN_ASSIGN(const int version, driver_version(*api));
  BSGEN_ASSIGN(DeviceInfo info, describe_usable(*api, device, ordinal));
  auto opened = std::make_shared<CudaDevice>(*api, device, context, false, std::move(info), version);
  BSGEN_TRY(opened->create_stream());
  return std::shared_ptr<Device>(std::move(opened));
}

}  // namespace bsgen::cuda
