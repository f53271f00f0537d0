// A device that launches nothing and notes everything.
#pragma once

#include <vector>

#include "bsgen/device.h"

namespace bsgen {

class RecordingDevice final : public Device {
 public:
  struct Launch {
    LaunchConfig config;
    std::vector<std::byte> parameters;
    Stream stream;
  };

  RecordingDevice() {
    info_.kind = info_.name = "sim";
    info_.model = "nothing";
  }
  // As if it were GPU `ordinal`.
  explicit RecordingDevice(int ordinal) : RecordingDevice() {
    info_.kind = "cuda";
    info_.name = "cuda:" + std::to_string(ordinal);
    info_.ordinal = ordinal;
  }

  const DeviceInfo& info() const override { return info_; }
  Status copy_in(std::uint64_t destination, std::span<const std::byte> source) override {
    copied_to = destination;
    copied.assign(source.begin(), source.end());
    return {};
  }
  Status copy_out(std::span<std::byte>, std::uint64_t) override { return {}; }
  Expected<std::shared_ptr<const DeviceFunction>> load(const KernelImage&, std::uint32_t dynamic_shared_bytes) override {
    shared_bytes = dynamic_shared_bytes;
    return std::shared_ptr<const DeviceFunction>(std::make_shared<DeviceFunction>());
  }
  Status launch(const DeviceFunction&, const LaunchConfig& config, std::span<const std::byte> parameters, Stream stream) override {
    ++num_launches;
    if (keep) last = {config, {parameters.begin(), parameters.end()}, stream};
    return {};
  }
  Status synchronize(Stream) override { return {}; }

  bool keep = true;
  std::size_t num_launches = 0;
  Launch last;
  std::uint64_t copied_to = 0;
  std::vector<std::byte> copied;
  std::uint32_t shared_bytes = 0;

 protected:
  Expected<std::uint64_t> allocate_memory(std::size_t) override { return std::uint64_t{0x10000}; }
  void free_memory(std::uint64_t) override {}

 private:
  DeviceInfo info_;
};

}  // namespace bsgen
