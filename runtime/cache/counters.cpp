#include "runtime/cache/counters.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <limits>

#include "runtime/cache/failpoint.h"

namespace bsgen {
namespace runtime {
namespace {

constexpr std::size_t kMostCounterBytes = 4096;

std::string counters_path(const std::string& directory) {
  return directory + "/counters";
}

CacheStats parse_counters(std::string_view text) {
  CacheStats stats;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    const auto blank = line.find(' ');
    if (blank == std::string_view::npos) continue;
    for_each_count(stats, [&](const std::string& label, std::uint64_t& count) {
      if (line.substr(0, blank) == label) std::from_chars(line.data() + blank + 1, line.data() + line.size(), count);
    });
  }
  return stats;
}

std::uint64_t below_ms(std::size_t bucket) {
  return 1ull << bucket;
}

}  // namespace

void for_each_count(CacheStats& stats, const std::function<void(const std::string& label, std::uint64_t& count)>& visit) {
  visit("hits_memory", stats.hits_memory);
  visit("hits_disk", stats.hits_disk);
  visit("hits_bundle", stats.hits_bundle);
  visit("hits_read_only", stats.hits_read_only);
  visit("hits_shared", stats.hits_shared);
  visit("misses", stats.misses);
  visit("compiles", stats.compiles);
  visit("failed_compiles", stats.failed_compiles);
  visit("corrupt", stats.corrupt);
  visit("waits", stats.waits);
  visit("given_up_waits", stats.given_up_waits);
  visit("evicted", stats.evicted);
  visit("not_written", stats.not_written);
  for (std::size_t i = 0; i < kCompileBuckets; ++i) visit(fmt::format("compile_ms_{}", i), stats.compile_ms[i]);
}

std::size_t compile_bucket(double ms) {
  std::size_t bucket = 0;
  while (bucket + 1 < kCompileBuckets && ms >= static_cast<double>(below_ms(bucket))) ++bucket;
  return bucket;
}

double compile_quantile_ms(const CacheStats& stats, double fraction) {
  std::uint64_t all = 0, so_far = 0;
  for (const std::uint64_t count : stats.compile_ms) all += count;
  for (std::size_t i = 0; i < kCompileBuckets; ++i) {
    so_far += stats.compile_ms[i];
    if (so_far > 0 && static_cast<double>(so_far) >= fraction * static_cast<double>(all)) return static_cast<double>(below_ms(i));
  }
  return 0;
}

CacheStats read_counters(const std::string& directory, Trust trust) {
  const auto text = read_trusted_file(counters_path(directory), trust);
  return text ? parse_counters(*text) : CacheStats{};
}

bool add_counters(const std::string& directory, const CacheStats& delta, Trust trust) {
  const File file = open_shared_file(counters_path(directory), trust);
  if (!file.ok() || !lock_briefly(file)) return false;
  failpoint(Failpoint::kCountsLocked);
  CacheStats total = parse_counters(read_up_to(file, kMostCounterBytes)), more = delta;
  std::string text;
  std::vector<std::uint64_t> counts;
  for_each_count(more, [&](const std::string&, std::uint64_t& count) { counts.push_back(count); });
  auto next = counts.begin();
  for_each_count(total, [&](const std::string& label, std::uint64_t& count) {
    count += *next++;
    text += fmt::format("{} {}\n", label, count);
  });
  // In one piece, and counts only grow, so who is killed leaves the old text or the new one.
  const bool written = pwrite(file.fd(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
  failpoint(Failpoint::kCountsWritten);
  return written && ftruncate(file.fd(), static_cast<off_t>(text.size())) == 0;
}

void forget_counters(const std::string& directory) {
  unlink(counters_path(directory).c_str());
}

}  // namespace runtime

std::string to_json(const CacheStats& stats) {
  CacheStats copy = stats;
  std::string text = fmt::format("{{\"entries\": {}, \"bytes\": {}", stats.entries, stats.bytes);
  runtime::for_each_count(copy, [&](const std::string& label, std::uint64_t& count) {
    if (!label.starts_with("compile_ms_")) text += fmt::format(", \"{}\": {}", label, count);
  });
  text += ", \"compile_ms\": [";
  for (std::size_t i = 0; i < runtime::kCompileBuckets; ++i) {
    const bool last = i + 1 == runtime::kCompileBuckets;
    text += fmt::format("{}{{\"below_ms\": {}, \"compiles\": {}}}", i ? ", " : "", last ? "null" : fmt::format("{}", runtime::below_ms(i)),
                        stats.compile_ms[i]);
  }
  return text + "]}";
}

}  // namespace bsgen
