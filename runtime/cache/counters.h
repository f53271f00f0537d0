// What processes counted, added up in DIR/counters: labelled lines, under flock with a bounded wait.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "bsgen/engine.h"
#include "runtime/cache/cache_files.h"

namespace bsgen::runtime {

// Every count of `stats` that adds up over processes, with its label ("hits_disk", "compile_ms_3").
void for_each_count(CacheStats& stats, const std::function<void(const std::string& label, std::uint64_t& count)>& visit);
inline constexpr std::size_t kCompileBuckets = std::tuple_size_v<decltype(CacheStats::compile_ms)>;
std::size_t compile_bucket(double ms);
// Milliseconds that `fraction` of the compiles stayed below, as far as the histogram tells; 0 where there were none.
double compile_quantile_ms(const CacheStats& stats, double fraction);

// Zeros where there is no file or it is damaged.
CacheStats read_counters(const std::string& directory, Trust trust = Trust::kOwn);
bool add_counters(const std::string& directory, const CacheStats& delta, Trust trust = Trust::kOwn);
void forget_counters(const std::string& directory);

}  // namespace bsgen::runtime
