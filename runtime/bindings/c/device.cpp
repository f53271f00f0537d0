#include <span>

#include "runtime/bindings/c/handles.h"

using namespace bsgen;
using namespace bsgen::c;

namespace {

Status check_range(const bsgen_buffer& buffer, const char* function, std::size_t offset, std::size_t bytes) {
  if (offset <= buffer.value.bytes() && bytes <= buffer.value.bytes() - offset) return {};
  return invalid(std::string(function) + ": " + std::to_string(bytes) + " bytes at offset " + std::to_string(offset) + ", the buffer has " +
                 std::to_string(buffer.value.bytes()));
}

bsgen_device* handle(std::shared_ptr<Device> opened) {
  std::string arch = opened->info().arch.name();
  return new bsgen_device{std::move(opened), std::move(arch)};
}

}  // namespace

extern "C" {

bsgen_status bsgen_device_open(const char* name, bsgen_device** device) {
  return guard([&]() -> Status {
    BSGEN_TRY(require(device, "bsgen_device_open", "device"));
    BSGEN_ASSIGN(std::shared_ptr<Device> opened, Device::open(name ? name : "auto"));
    *device = handle(std::move(opened));
    return {};
  });
}

bsgen_status bsgen_device_of_context(void* context, bsgen_device** device) {
  return guard([&]() -> Status {
    BSGEN_TRY(require(device, "bsgen_device_of_context", "device"));
    BSGEN_ASSIGN(std::shared_ptr<Device> opened, Device::of_context(context));
    *device = handle(std::move(opened));
    return {};
  });
}

bsgen_status bsgen_device_get_info(const bsgen_device* device, bsgen_device_info* info) {
  return guard([&]() -> Status {
    BSGEN_TRY(require(device, "bsgen_device_get_info", "device"));
    const DeviceInfo& known = device->value->info();
    bsgen_device_info facts{};
    facts.name = known.name.c_str();
    facts.model = known.model.c_str();
    facts.arch = device->arch.c_str();
    facts.ordinal = known.ordinal;
    facts.num_sms = known.num_sms;
    return write_struct(info, facts, "bsgen_device_info");
  });
}

bsgen_status bsgen_device_synchronize(bsgen_device* device, void* stream) {
  return guard([&]() -> Status {
    BSGEN_TRY(require(device, "bsgen_device_synchronize", "device"));
    return device->value->synchronize(stream);
  });
}

void bsgen_device_forget_stream(bsgen_device* device, void* stream) {
  (void)guard([&]() -> Status {
    if (device) device->value->forget(stream);
    return {};
  });
}

void bsgen_device_release(bsgen_device* device) { delete device; }

bsgen_status bsgen_buffer_create(bsgen_device* device, std::size_t bytes, bsgen_buffer** buffer) {
  return guard([&]() -> Status {
    BSGEN_TRY(require(device, "bsgen_buffer_create", "device"));
    BSGEN_TRY(require(buffer, "bsgen_buffer_create", "buffer"));
    BSGEN_ASSIGN(DeviceBuffer memory, device->value->allocate(bytes));
    *buffer = new bsgen_buffer{device->value, std::move(memory)};
    return {};
  });
}

std::uint64_t bsgen_buffer_address(const bsgen_buffer* buffer) { return buffer ? buffer->value.address() : 0; }

bsgen_status bsgen_buffer_write(bsgen_buffer* buffer, std::size_t offset, const void* source, std::size_t bytes) {
  return guard([&]() -> Status {
    BSGEN_TRY(require(buffer, "bsgen_buffer_write", "buffer"));
    BSGEN_TRY(check_range(*buffer, "bsgen_buffer_write", offset, bytes));
    if (bytes == 0) return {};
    BSGEN_TRY(require(source, "bsgen_buffer_write", "source"));
    return buffer->device->copy_in(buffer->value.address() + offset, {static_cast<const std::byte*>(source), bytes});
  });
}

bsgen_status bsgen_buffer_read(const bsgen_buffer* buffer, std::size_t offset, void* destination, std::size_t bytes) {
  return guard([&]() -> Status {
    BSGEN_TRY(require(buffer, "bsgen_buffer_read", "buffer"));
    BSGEN_TRY(check_range(*buffer, "bsgen_buffer_read", offset, bytes));
    if (bytes == 0) return {};
    BSGEN_TRY(require(destination, "bsgen_buffer_read", "destination"));
    return buffer->device->copy_out({static_cast<std::byte*>(destination), bytes}, buffer->value.address() + offset);
  });
}

void bsgen_buffer_release(bsgen_buffer* buffer) { delete buffer; }

}  // extern "C"
