// A kernel that has a fault and its twin that has not: the first is refused with the finding's exact text, the second says nothing.
#pragma once

#include <string>

#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {

inline void check_twins(const std::string& kind, const std::string& message, const Launched& good, const Launched& bad) {
  INFO(kind);
  INFO("good: " << good.status.message());
  CHECK(good.status.ok());
  CHECK(good.report.diagnostics.empty());
  INFO("bad: " << bad.status.message());
  CHECK(bad.status.code() == ErrorCode::kCheckFailed);
  CHECK(bad.report.failed());
  REQUIRE(bad.find(kind) != nullptr);
  CHECK(bad.find(kind)->message == message);
  CHECK(bad.status.message() == bad.report.diagnostics[0].message);
}

}  // namespace bsgen::sim::test
