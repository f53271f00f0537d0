// A failed allocation is a refusal like any other: whatever grows with a mask runs inside within_memory.
#pragma once

#include <new>
#include <stdexcept>
#include <string>

#include "bsgen/status.h"

namespace bsgen {

// Runs `body`, which returns an Expected; exhausted memory becomes kInvalidArgument with this message.
template <class Body>
auto within_memory(const char* message, const Body& body) -> decltype(body()) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
  } catch (const std::length_error&) {
  }
  return Status(ErrorCode::kInvalidArgument, message);
}

}  // namespace bsgen
