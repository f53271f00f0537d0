// The names of schedules, as --schedule takes them.
#include <charconv>

#include <fmt/format.h>

#include "runtime/sim/sim_device.h"

namespace bsgen::sim {

Expected<Schedule> Schedule::parse(std::string_view text) {
  if (text == "early") return Schedule{Timing::kEarly, 0};
  if (text == "late") return Schedule{Timing::kLate, 0};
  constexpr std::string_view kSeed = "seed:";
  if (text.starts_with(kSeed)) {
    const char* const end = text.data() + text.size();
    Schedule made{Timing::kMixed, 0};
    const auto [rest, error] = std::from_chars(text.data() + kSeed.size(), end, made.seed);
    if (error == std::errc() && rest == end) return made;
  }
  return Status(ErrorCode::kInvalidArgument, fmt::format("sim: schedule \"{}\" is none of early, late, seed:N", text.substr(0, 80)));
}

std::string Schedule::text() const {
  return timing == Timing::kEarly ? "early" : timing == Timing::kLate ? "late" : fmt::format("seed:{}", seed);
}

}  // namespace bsgen::sim
