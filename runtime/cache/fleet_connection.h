// FleetConnection: one connection to a server of Redis's protocol, as it is or through TLS.
//
// Its time is bounded: 100 ms to connect, 1 s for TLS's handshake, 1 s for a request. These are deadlines over the whole of each, so neither
// silence nor a trickle passes them. After an error it is of no use any more. Not thread-safe.
#pragma once

#include <chrono>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "bsgen/status.h"

struct redisContext;
struct redisReply;
struct ssl_st;

namespace bsgen::runtime {

struct FleetServer {
  std::string host;  // a name or an address
  int port = 0;
  bool tls = false;
  std::string ca_file = {};  // PEM: what the server's certificate must lead to; empty: what the system trusts

  static std::optional<FleetServer> parse(std::string_view url);  // redis://HOST:PORT or, with TLS, rediss://HOST:PORT
};

struct FleetReply {
  std::shared_ptr<const redisReply> reply;
  std::optional<std::string_view> text() const;  // of a string; nothing of anything else
};

class FleetConnection {
 public:
  // The message of an error is a reason, without the server's name.
  static Expected<std::unique_ptr<FleetConnection>> open(const FleetServer& server);
  ~FleetConnection();
  FleetConnection(const FleetConnection&) = delete;
  FleetConnection& operator=(const FleetConnection&) = delete;

  Expected<FleetReply> ask(std::initializer_list<std::string_view> words, std::size_t most_bytes);

  // Opened by this process. A child of fork() must not speak through its parent's socket; it only closes its copy.
  bool ours() const;

 private:
  using Clock = std::chrono::steady_clock;

  FleetConnection();
  Status connect(const FleetServer& server);
  Status shake_hands(const FleetServer& server);
  Status send(std::string_view bytes, Clock::time_point deadline);
  Status receive(Clock::time_point deadline);  // some bytes, into context_'s reader
  Status wait_for(short events, Clock::time_point deadline);
  Status wait_for_tls(int result, Clock::time_point deadline);  // for what kept a call of libssl from going on

  int process_;
  redisContext* context_ = nullptr;
  ssl_st* tls_ = nullptr;
};

}  // namespace bsgen::runtime
