// FleetCache: entries on a server that a fleet shares, of Redis's protocol. Asked after every folder, before compiling.
//
// Nothing of it is trusted: every value is an entry with an HMAC-SHA-256 under a secret that the fleet's machines share, and
// is checked like an entry on disk besides. Its time is bounded (fleet_connection.h); the first failure, of whatever kind, turns the
// tier off for the life of the process, with one warning. Thread-safe; requests take turns.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "compiler/support/fork_safe_mutex.h"
#include "runtime/cache/entry.h"
#include "runtime/cache/fleet_connection.h"
#include "runtime/cache/warn_once.h"

namespace bsgen::runtime {

struct FleetOptions {
  std::string server;    // redis://HOST:PORT, or rediss:// through TLS; empty: no such tier
  std::string key_file;  // the secret: 32 bytes or more, readable by its owner and his group alone
  bool read_only = false;
  std::string ca_file = {};  // certificates that vouch for a rediss:// server; empty: those of the system
};

class FleetCache {
 public:
  FleetCache(FleetOptions options, Logger logger);
  ~FleetCache();

  std::optional<Entry> find(const KernelKey& key);
  void store(const KernelKey& key, const Entry& entry);

 private:
  std::string set_up();  // why not, in words
  // Connects where this process has not; nothing where the tier is off, or is by now.
  std::optional<FleetReply> ask(std::initializer_list<std::string_view> words);
  void turn_off(const std::string& why);
  Digest seal(const KernelKey& key, std::string_view bytes) const;

  FleetOptions options_;
  std::string secret_;
  FleetServer server_;
  WarnOnce warn_;
  ForkSafeMutex mutex_;
  bool off_ = false;
  std::shared_ptr<FleetConnection> connection_;  // shared_ptr: a build without hiredis has no destructor of it
};

// Why there is no such tier in this build; empty where there is.
std::string why_no_fleet_cache();

}  // namespace bsgen::runtime
