// In place of fleet_cache.cpp in builds without hiredis.
#include <fmt/format.h>

#include "runtime/cache/fleet_cache.h"

namespace bsgen::runtime {

std::string why_no_fleet_cache() {
  return "this bsgen was built without hiredis (cmake -DBSGEN_REDIS=ON)";
}

FleetCache::FleetCache(FleetOptions options, Logger logger) : options_(std::move(options)), warn_(std::move(logger)) {
  warn_("fleet", fmt::format("cache: the server {} is not used: {}; kernels come from this machine alone", options_.server, why_no_fleet_cache()));
}
FleetCache::~FleetCache() = default;
std::optional<Entry> FleetCache::find(const KernelKey&) {
  return std::nullopt;
}
void FleetCache::store(const KernelKey&, const Entry&) {}

}  // namespace bsgen::runtime
