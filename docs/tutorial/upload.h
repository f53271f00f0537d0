// Host vectors to and from a device; the tutorial's only helper.
#pragma once

#include <bsgen/bsgen.h>

#include <vector>

template <class T>
bsgen::Expected<bsgen::DeviceBuffer> upload(bsgen::Device& device, const std::vector<T>& host) {
  BSGEN_ASSIGN(bsgen::DeviceBuffer buffer, device.allocate(host.size() * sizeof(T)));
  BSGEN_TRY(device.copy_in(buffer.address(), std::as_bytes(std::span(host))));
  return buffer;
}

template <class T>
bsgen::Status download(bsgen::Device& device, const bsgen::DeviceBuffer& buffer, std::vector<T>& host) {
  BSGEN_TRY(device.synchronize());
  return device.copy_out(std::as_writable_bytes(std::span(host)), buffer.address());
}
