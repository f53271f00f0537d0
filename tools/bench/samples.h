// Repeated measurements and what is quoted of them: median, tenth and ninetieth percentile.
#pragma once

#include <time.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

namespace bsgen::bench {

struct Samples {
  std::vector<double> values;  // sorted
  explicit Samples(std::vector<double> v) : values(std::move(v)) {
    std::sort(values.begin(), values.end());
  }
  // Nearest rank; 0 of none.
  double quantile(double q) const {
    if (values.empty()) return 0;
    return values[std::min(values.size() - 1,
                           static_cast<std::size_t>(q * static_cast<double>(values.size())))];
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
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

// Processor time of the whole process, milliseconds.
inline double cpu_ms() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

// The same calls by the clock on the wall and by the processor time they took. Where one thread
// works and never waits the two agree, unless other programs take the processor away; then the wall
// says how busy the machine is, so processor time is quoted.
struct Timed {
  Samples wall, cpu;
  bool busy() const { return cpu.median() < 0.9 * wall.median(); }
  const Samples& quoted() const { return busy() ? cpu : wall; }
  // "", or what `how` must say.
  std::string note(const std::string& unit) const;
};

// Times `run` after `warm_up` calls that are not counted; milliseconds.
template <class Run>
Timed time_ms(int warm_up, int runs, Run&& run) {
  for (int i = 0; i < warm_up; ++i) run();
  std::vector<double> wall, cpu;
  for (int i = 0; i < runs; ++i) {
    const double cpu_start = cpu_ms();
    const auto start = std::chrono::steady_clock::now();
    run();
    wall.push_back(milliseconds_since(start));
    cpu.push_back(cpu_ms() - cpu_start);
  }
  return {Samples(std::move(wall)), Samples(std::move(cpu))};
}

// Nanoseconds of one call, from batches long enough that the clocks do not show; one value per
// batch.
template <class Run>
Timed time_batches_ns(int batches, int calls, Run&& run) {
  const auto batch = [&] {
    for (int i = 0; i < calls; ++i) run();
  };
  Timed timed = time_ms(1, batches, batch);
  for (double& value : timed.wall.values) value *= 1e6 / calls;
  for (double& value : timed.cpu.values) value *= 1e6 / calls;
  return timed;
}

std::string spread(const Samples& samples, const std::string& unit);  // "4.1 ms (p10 4.0, p90 4.4)"
std::string short_number(double value);                               // three significant digits

}  // namespace bsgen::bench
