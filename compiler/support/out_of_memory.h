// bsgen reports a failed allocation like any other refusal: the two doors where memory follows the mask go through here.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <new>
#include <string_view>
#include <utility>

#include "bsgen/status.h"

namespace bsgen {

// Calls `body`, which returns an Expected; std::bad_alloc becomes kInvalidArgument naming the operation.
template <class Body>
auto or_out_of_memory(std::string_view operation, std::int64_t num_blocks, Body&& body) -> decltype(body()) {
  try {
    return std::forward<Body>(body)();
  } catch (const std::bad_alloc&) {
    return Status(ErrorCode::kInvalidArgument,
                  fmt::format("{}: this machine's memory does not hold the schedule of {} blocks; use larger blocks", operation, num_blocks));
  }
}

}  // namespace bsgen
