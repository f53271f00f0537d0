#include "bsgen/device.h"

namespace bsgen {

DeviceBuffer::DeviceBuffer(std::shared_ptr<Device> device, std::uint64_t address, std::size_t bytes)
    : memory_(new Memory{std::move(device), address, bytes}) {}

DeviceBuffer::Memory::~Memory() {
  if (device) device->free_memory(address);
}

Expected<DeviceBuffer> Device::allocate(std::size_t bytes) {
  if (bytes == 0) return DeviceBuffer();  // drivers refuse zero; nothing may be read or written there anyway
  BSGEN_ASSIGN(const std::uint64_t address, allocate_memory(bytes));
  return DeviceBuffer(shared_from_this(), address, bytes);
}

}  // namespace bsgen
