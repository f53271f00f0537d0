#include "runtime/bindings/c/support.h"

#include <fmt/format.h>

#include <algorithm>

namespace bsgen::c {
namespace {

// Of this thread. A message for which there is no memory is replaced by a constant one.
struct LastError {
  std::string message;
  const char* constant = nullptr;
};
LastError& last_error() {
  thread_local LastError error;
  return error;
}

bsgen_status code_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kOk: return BSGEN_OK;
    case ErrorCode::kInvalidArgument: return BSGEN_E_INVALID_ARGUMENT;
    case ErrorCode::kUnsupported: return BSGEN_E_UNSUPPORTED;
    case ErrorCode::kCompileFailed: return BSGEN_E_COMPILE_FAILED;
    case ErrorCode::kMissing: return BSGEN_E_MISSING;
    case ErrorCode::kCheckFailed: return BSGEN_E_CHECK_FAILED;
    case ErrorCode::kDevice: return BSGEN_E_DEVICE;
    case ErrorCode::kIo: return BSGEN_E_IO;
    case ErrorCode::kInternal: return BSGEN_E_INTERNAL;
  }
  return BSGEN_E_INTERNAL;
}

}  // namespace

bsgen_status fail(const Status& status) noexcept {
  LastError& last = last_error();
  last.constant = nullptr;
  try {
    last.message = status.message();
  } catch (...) {
    last.constant = "out of memory, the message of the error too";
  }
  return code_of(status.code());
}

bsgen_status fail_out_of_memory() noexcept {
  last_error().constant = "out of memory on the host; use a smaller mask or larger blocks";
  return BSGEN_E_OUT_OF_MEMORY;
}

bsgen_status fail_with_exception(const char* what) noexcept {
  try {
    return fail(Status(ErrorCode::kInternal, fmt::format("bug: an exception reached the C ABI: {}", what)));
  } catch (...) {
    return fail_out_of_memory();
  }
}

Status invalid(std::string message) { return Status(ErrorCode::kInvalidArgument, std::move(message)); }

Status require(const void* pointer, std::string_view function, std::string_view argument) {
  return pointer ? Status() : invalid(fmt::format("{}: {} is null", function, argument));
}

Status check_struct(const void* given, std::size_t known, std::string_view name) {
  std::size_t size = 0;
  std::memcpy(&size, given, sizeof size);
  if (size < sizeof size) return invalid(fmt::format("{}: struct_size is {}; set it to sizeof({})", name, size, name));
  const auto* bytes = static_cast<const unsigned char*>(given);
  for (std::size_t i = known; i < size; ++i)
    if (bytes[i] != 0)
      return Status(ErrorCode::kUnsupported, fmt::format("{}: byte {} of {} is set, this library ({}) knows {}; leave newer fields zero", name, i,
                                                         size, BSGEN_VERSION, known));
  return {};
}

}  // namespace bsgen::c

extern "C" {

const char* bsgen_last_error(void) {
  const bsgen::c::LastError& last = bsgen::c::last_error();
  return last.constant ? last.constant : last.message.c_str();
}

const char* bsgen_status_name(bsgen_status status) {
  switch (status) {
    case BSGEN_OK: return "ok";
    case BSGEN_E_INVALID_ARGUMENT: return "invalid argument";
    case BSGEN_E_UNSUPPORTED: return "unsupported";
    case BSGEN_E_COMPILE_FAILED: return "compile failed";
    case BSGEN_E_MISSING: return "missing";
    case BSGEN_E_CHECK_FAILED: return "check failed";
    case BSGEN_E_DEVICE: return "device";
    case BSGEN_E_IO: return "io";
    case BSGEN_E_INTERNAL: return "internal";
    case BSGEN_E_OUT_OF_MEMORY: return "out of memory";
  }
  return "a status of a newer bsgen";
}

void bsgen_version(std::int32_t* major, std::int32_t* minor, std::int32_t* patch) {
  if (major) *major = BSGEN_VERSION_MAJOR;
  if (minor) *minor = BSGEN_VERSION_MINOR;
  if (patch) *patch = BSGEN_VERSION_PATCH;
}

}  // extern "C"
