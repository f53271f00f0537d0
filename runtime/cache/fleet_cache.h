// FleetCache: entries on a server that a fleet shares, of Redis's protocol. Asked after every folder, before compiling.
//
// Nothing of it is trusted: every value is an entry with an HMAC-SHA-256 under a secret that the fleet's machines share, and
// is checked like an entry on disk besides. Its time is bounded: 100 ms to connect, 1 s for a request; the first failure, of
// whatever kind, turns the tier off for the life of the process, with one warning. Thread-safe; requests take turns.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "compiler/support/fork_safe_mutex.h"
#include "runtime/cache/entry.h"
#include "runtime/cache/warn_once.h"

struct redisContext;

namespace bsgen::runtime {

struct FleetOptions {
  std::string server;    // redis://HOST:PORT; empty: no such tier
  std::string key_file;  // the secret: 32 bytes or more, readable by its owner and his group alone
  bool read_only = false;
};

class FleetCache {
 public:
  FleetCache(FleetOptions options, Logger logger);
  ~FleetCache();

  std::optional<Entry> find(const KernelKey& key);
  void store(const KernelKey& key, const Entry& entry);

 private:
  using Clock = std::chrono::steady_clock;
  struct Reply;

  std::string set_up();  // why not, in words
  bool ready();          // connected, or turned off
  bool connect();
  std::optional<Reply> ask(std::initializer_list<std::string_view> words);
  bool wait_for(short events, Clock::time_point deadline);
  void turn_off(const std::string& why);
  std::string seal(const KernelKey& key, std::string_view bytes) const;

  FleetOptions options_;
  std::string secret_, host_;
  int port_ = 0;
  WarnOnce warn_;
  ForkSafeMutex mutex_;
  bool off_ = false;
  int process_ = 0;  // that connected: a child of fork() must not speak through its parent's socket
  redisContext* context_ = nullptr;
};

// Why there is no such tier in this build; empty where there is.
std::string why_no_fleet_cache();

}  // namespace bsgen::runtime
