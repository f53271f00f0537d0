// What every function of the C ABI is written with: one place that turns an error into a status and a message of the thread, and one
// that reads and writes structs whose size the caller names.
#pragma once

#include <cstddef>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>

#include "bsgen/c/bsgen.h"
#include "bsgen/status.h"

namespace bsgen::c {

// Keeps the message for bsgen_last_error. Never throws: where there is no memory for it, the message says that.
bsgen_status fail(const Status& status) noexcept;
bsgen_status fail_out_of_memory() noexcept;
bsgen_status fail_with_exception(const char* what) noexcept;

Status invalid(std::string message);

// Runs `body`, which returns a Status; nothing that it throws leaves.
template <class Body>
bsgen_status guard(const Body& body) noexcept {
  try {
    const Status status = body();
    return status.ok() ? BSGEN_OK : fail(status);
  } catch (const std::bad_alloc&) {
    return fail_out_of_memory();
  } catch (const std::exception& error) {
    return fail_with_exception(error.what());
  } catch (...) {
    return fail_with_exception("no std::exception");
  }
}

// "bsgen_layout_read: layout is null"
Status require(const void* pointer, std::string_view function, std::string_view argument);

// Checks struct_size of a struct that this library knows with `known` bytes; `name` stands in messages. Bytes beyond those must be zero.
Status check_struct(const void* given, std::size_t known, std::string_view name);

// The caller's struct as this library knows it: what it does not have is zero, and so is all of it where it is null.
template <class T>
Expected<T> read_struct(const T* given, std::string_view name) {
  static_assert(std::is_trivially_copyable_v<T> && offsetof(T, struct_size) == 0);
  T value{};
  if (!given) return value;
  BSGEN_TRY(check_struct(given, sizeof(T), name));
  std::memcpy(&value, given, given->struct_size < sizeof(T) ? given->struct_size : sizeof(T));
  return value;
}

// Fills as much of the caller's struct as it has; its struct_size stays.
template <class T>
Status write_struct(T* out, T value, std::string_view name) {
  static_assert(std::is_trivially_copyable_v<T> && offsetof(T, struct_size) == 0);
  if (!out) return invalid(std::string(name) + ": the struct to fill is null");
  if (out->struct_size < sizeof(std::size_t)) return check_struct(out, sizeof(T), name);
  value.struct_size = out->struct_size;
  std::memcpy(out, &value, out->struct_size < sizeof(T) ? out->struct_size : sizeof(T));
  return {};
}

// The entry of `values` with that number; `name` is the enumeration's, for the message.
template <class T, std::size_t N>
Expected<T> choose(const T (&values)[N], std::int32_t number, std::string_view name) {
  if (number >= 0 && static_cast<std::size_t>(number) < N) return values[number];
  return invalid(std::string(name) + ": " + std::to_string(number) + " is not a value of it; there are 0 to " + std::to_string(N - 1));
}

inline std::string text(const char* given) { return given ? given : ""; }

}  // namespace bsgen::c
