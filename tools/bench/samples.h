// Repeated measurements and what is quoted of them: median, tenth and ninetieth percentile.
#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

namespace bsgen::bench {

struct Samples {
  std::vector<double> values;  // sorted
  explicit Samples(std::vector<double> v) : values(std::move(v)) { std::sort(values.begin(), values.end()); }
  // Nearest rank; 0 of none.
  double quantile(double q) const {
    if (values.empty()) return 0;
    return values[std::min(values.size() - 1, static_cast<std::size_t>(q * static_cast<double>(values.size())))];
  }
  double median() const {
    const std::size_t n = values.size();
    if (n == 0) return 0;
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
  }
  double p10() const { return quantile(0.1); }
  double p90() const { return quantile(0.9); }
};

inline double milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

// Times `run` after `warm_up` calls that are not counted; milliseconds.
template <class Run>
Samples time_ms(int warm_up, int runs, Run&& run) {
  for (int i = 0; i < warm_up; ++i) run();
  std::vector<double> values;
  for (int i = 0; i < runs; ++i) {
    const auto start = std::chrono::steady_clock::now();
    run();
    values.push_back(milliseconds_since(start));
  }
  return Samples(std::move(values));
}

// Nanoseconds of one call, from batches long enough that the clock does not show; one value per batch.
template <class Run>
Samples time_batches_ns(int batches, int calls, Run&& run) {
  for (int i = 0; i < calls; ++i) run();
  std::vector<double> values;
  for (int b = 0; b < batches; ++b) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i) run();
    values.push_back(milliseconds_since(start) * 1e6 / calls);
  }
  return Samples(std::move(values));
}

std::string spread(const Samples& samples, const std::string& unit);  // "4.1 ms (p10 4.0, p90 4.4)"
std::string short_number(double value);                                // three significant digits

}  // namespace bsgen::bench
