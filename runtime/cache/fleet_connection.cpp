#include "runtime/cache/fleet_connection.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <vector>

namespace bsgen::runtime {
namespace {

constexpr std::chrono::milliseconds kConnectBudget{100}, kRequestBudget{1000};

Status failed(std::string why) { return {ErrorCode::kIo, std::move(why)}; }

// While it lives, a write to a connection that the server closed is an error and not a signal that ends the process: hiredis
// writes as to a file. A SIGPIPE that was under way before stays so.
class NoSigpipe {
 public:
  NoSigpipe() {
    sigset_t pending;
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoSigpipe() {
    const timespec now{};
    if (!was_pending_)
      while (sigtimedwait(&pipe_, nullptr, &now) < 0 && errno == EINTR) {
      }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;

 private:
  sigset_t pipe_, before_;
  bool was_pending_ = false;
};

}  // namespace

std::optional<FleetServer> FleetServer::parse(std::string_view url) {
  FleetServer server;
  server.tls = url.starts_with("rediss://");
  if (!server.tls && !url.starts_with("redis://")) return std::nullopt;
  url.remove_prefix(server.tls ? 9 : 8);
  const auto colon = url.rfind(':');
  if (colon == 0 || colon == url.npos) return std::nullopt;
  server.host = url.substr(0, colon);
  const char* const end = url.data() + url.size();
  if (std::from_chars(url.data() + colon + 1, end, server.port).ptr != end || server.port < 1 || server.port > 65535) return std::nullopt;
  return server;
}

std::optional<std::string_view> FleetReply::text() const {
  if (reply->type != REDIS_REPLY_STRING) return std::nullopt;
  return std::string_view(reply->str, static_cast<std::size_t>(reply->len));
}

FleetConnection::FleetConnection() : process_(getpid()) {}

// Says no goodbye, which a child of fork() would say in its parent's name.
FleetConnection::~FleetConnection() {
  if (tls_) SSL_free(tls_);
  if (context_) redisFree(context_);
}

bool FleetConnection::ours() const { return process_ == getpid(); }

Expected<std::unique_ptr<FleetConnection>> FleetConnection::open(const FleetServer& server) {
  std::unique_ptr<FleetConnection> connection(new FleetConnection);
  BSGEN_TRY(connection->connect(server));
  if (server.tls) BSGEN_TRY(connection->shake_hands(server));
  return connection;
}

Status FleetConnection::wait_for(short events, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd one{context_->fd, events, 0};
    const int ready = left <= 0 ? 0 : poll(&one, 1, static_cast<int>(left));  // late also where a server sends for ever
    if (ready > 0) return {};
    if (ready == 0) return failed(fmt::format("no answer within {} ms", kRequestBudget.count()));
    if (errno != EINTR) return failed(std::strerror(errno));
  }
}

Status FleetConnection::connect(const FleetServer& server) {
  const auto deadline = Clock::now() + kConnectBudget;
  context_ = redisConnectNonBlock(server.host.c_str(), server.port);
  if (!context_ || context_->err) return failed(context_ ? context_->errstr : "no memory");
  if (!wait_for(POLLOUT, deadline).ok()) return failed(fmt::format("no connection within {} ms", kConnectBudget.count()));
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(context_->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) return failed(std::strerror(error ? error : errno));
  return {};
}

Status FleetConnection::shake_hands(const FleetServer& server) {
  const auto deadline = Clock::now() + kRequestBudget;
  const NoSigpipe no_sigpipe;
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> rules(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  if (!rules) return failed("TLS: no memory");
  SSL_CTX_set_min_proto_version(rules.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(rules.get(), SSL_VERIFY_PEER, nullptr);
  const bool trusting = server.ca_file.empty() ? SSL_CTX_set_default_verify_paths(rules.get()) == 1
                                               : SSL_CTX_load_verify_locations(rules.get(), server.ca_file.c_str(), nullptr) == 1;
  ERR_clear_error();
  if (!trusting) return failed(fmt::format("TLS: {} holds no certificates", server.ca_file.empty() ? "this system" : server.ca_file));
  tls_ = SSL_new(rules.get());
  if (!tls_) return failed("TLS: no memory");
  in6_addr address;
  const char* const host = server.host.c_str();
  const bool numeric = inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
  const bool named = numeric ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls_), host) == 1
                             : SSL_set1_host(tls_, host) == 1 && SSL_set_tlsext_host_name(tls_, host) == 1;
  if (!named || SSL_set_fd(tls_, context_->fd) != 1) return failed("TLS: no memory");
  for (;;) {
    const int result = SSL_connect(tls_);
    if (result == 1) return {};
    BSGEN_TRY(wait_for_tls(result, deadline));
  }
}

Status FleetConnection::wait_for_tls(int result, Clock::time_point deadline) {
  const int error = SSL_get_error(tls_, result);
  if (error == SSL_ERROR_WANT_READ) return wait_for(POLLIN, deadline);
  if (error == SSL_ERROR_WANT_WRITE) return wait_for(POLLOUT, deadline);
  const char* const why = ERR_reason_error_string(ERR_peek_error());
  const long refused = SSL_get_verify_result(tls_);
  const std::string text = refused != X509_V_OK ? fmt::format("its certificate is refused: {}", X509_verify_cert_error_string(refused))
                                                : std::string(why ? why : "it closed the connection");
  ERR_clear_error();  // the queue is the thread's, not ours
  return failed("TLS: " + text);
}

Status FleetConnection::send(std::string_view bytes, Clock::time_point deadline) {
  while (!bytes.empty()) {
    if (tls_) {
      const int sent = SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()));  // all or, for now, nothing
      if (sent > 0) return {};
      BSGEN_TRY(wait_for_tls(sent, deadline));
      continue;
    }
    BSGEN_TRY(wait_for(POLLOUT, deadline));
    const ssize_t sent = ::send(context_->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR && errno != EAGAIN) return failed(std::strerror(errno));
    if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Status FleetConnection::receive(Clock::time_point deadline) {
  char bytes[16384];
  ssize_t got = 0;
  if (tls_) {
    if (got = SSL_read(tls_, bytes, sizeof bytes); got <= 0) return wait_for_tls(static_cast<int>(got), deadline);
  } else {
    BSGEN_TRY(wait_for(POLLIN, deadline));
    got = recv(context_->fd, bytes, sizeof bytes, 0);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return {};
    if (got <= 0) return failed(got == 0 ? "it closed the connection" : std::strerror(errno));
  }
  if (redisReaderFeed(context_->reader, bytes, static_cast<std::size_t>(got)) != REDIS_OK) return failed(context_->reader->errstr);
  return {};
}

Expected<FleetReply> FleetConnection::ask(std::initializer_list<std::string_view> words, std::size_t most_bytes) {
  const auto deadline = Clock::now() + kRequestBudget;
  const NoSigpipe no_sigpipe;  // libssl writes as to a file
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  for (const std::string_view word : words) {
    texts.push_back(word.data());
    sizes.push_back(word.size());
  }
  char* command = nullptr;
  const auto length = redisFormatCommandArgv(&command, static_cast<int>(texts.size()), texts.data(), sizes.data());
  if (length < 0) return failed("no memory");
  const std::unique_ptr<char, decltype(&redisFreeCommand)> owner(command, &redisFreeCommand);
  BSGEN_TRY(send({command, static_cast<std::size_t>(length)}, deadline));
  void* answer = nullptr;
  for (;;) {
    if (redisReaderGetReply(context_->reader, &answer) != REDIS_OK) return failed(context_->reader->errstr);
    if (answer) break;
    if (context_->reader->len > most_bytes) return failed("it answers with more than any entry has");
    BSGEN_TRY(receive(deadline));
  }
  FleetReply reply{std::shared_ptr<redisReply>(static_cast<redisReply*>(answer), &freeReplyObject)};
  if (reply.reply->type == REDIS_REPLY_ERROR) return failed(reply.reply->str);
  return reply;
}

}  // namespace bsgen::runtime
