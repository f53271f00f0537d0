// What the verbs of `bsgen cache` share.
#pragma once

#include <string>
#include <vector>

#include "runtime/cache/disk_cache.h"
#include "tools/bsgen/cli.h"
#include "tools/bsgen/text.h"

namespace bsgen::cli {

struct CacheArguments {
  std::string directory;
  bool json = false;
  std::string max_bytes, older_than;  // prune
  std::vector<std::string> keys;      // explain: two; export: those wanted
  std::string file;                   // export, import

  std::string where() const { return runtime::cache_directory(directory.empty() ? environment().cache_dir : directory); }
  runtime::Trust trust() const { return environment().cache_trust_shared ? runtime::Trust::kShared : runtime::Trust::kOwn; }
  Json head() const { return {{"schema", 1}, {"directory", where()}}; }
};

Expected<int> explain_keys(const CacheArguments& arguments);
Expected<int> export_cache(const CacheArguments& arguments);
Expected<int> import_cache(const CacheArguments& arguments);

}  // namespace bsgen::cli
