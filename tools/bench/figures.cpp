#include "tools/bench/figures.h"

#include <fmt/format.h>

#include <cmath>

#include "tools/bench/samples.h"

namespace bsgen::bench {

std::string_view name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk:
      return "ok";
    case Verdict::kMissed:
      return "missed";
    case Verdict::kReported:
      return "reported";
    case Verdict::kNotMeasured:
      return "not measured";
  }
  return "?";
}

Figure not_measured(std::string area, std::string what, std::string asked, std::string why) {
  return {std::move(area),       std::move(what), std::move(asked), "",
          Verdict::kNotMeasured, std::move(why)};
}

bool Suite::all_ok() const {
  return std::none_of(figures.begin(), figures.end(),
                      [](const Figure& f) { return f.verdict == Verdict::kMissed; });
}

std::string short_number(double value) {
  if (value == 0) return "0";
  const int before = static_cast<int>(std::floor(std::log10(std::fabs(value)))) + 1;
  return fmt::format("{:.{}f}", value, std::max(0, 3 - before));
}

std::string Timed::note(const std::string& unit) const {
  if (!busy()) return "";
  return fmt::format("; processor time, for other programs kept this machine busy (on the wall {})",
                     spread(wall, unit));
}

std::string spread(const Samples& samples, const std::string& unit) {
  return fmt::format("{} {} (p10 {}, p90 {})", short_number(samples.median()), unit,
                     short_number(samples.p10()), short_number(samples.p90()));
}

}  // namespace bsgen::bench
