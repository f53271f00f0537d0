#include "runtime/cache/fleet_cache.h"

#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <vector>

#include "runtime/cache/cache_files.h"

namespace bsgen::runtime {
namespace {

constexpr std::chrono::milliseconds kConnectBudget{100}, kRequestBudget{1000};
constexpr std::size_t kSealBytes = 32, kShortestSecret = 32;
constexpr std::string_view kScheme = "redis://";

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

struct FleetCache::Reply {
  std::unique_ptr<redisReply, decltype(&freeReplyObject)> reply;
  std::optional<std::string_view> text() const {
    if (reply->type != REDIS_REPLY_STRING) return std::nullopt;
    return std::string_view(reply->str, static_cast<std::size_t>(reply->len));
  }
};

std::string why_no_fleet_cache() {
  return {};
}

FleetCache::FleetCache(FleetOptions options, Logger logger) : options_(std::move(options)), warn_(std::move(logger)) {
  if (const std::string why = set_up(); !why.empty()) turn_off(why);
}

std::string FleetCache::set_up() {
  const std::string& server = options_.server;
  if (server.starts_with("rediss://")) return "this build speaks no TLS; name a redis:// server, through a tunnel where the network is not trusted";
  const auto colon = server.rfind(':');
  const bool named = server.starts_with(kScheme) && colon > kScheme.size();
  if (named) host_ = server.substr(kScheme.size(), colon - kScheme.size());
  const char *const port = server.data() + (named ? colon + 1 : 0), *const end = server.data() + server.size();
  if (!named || std::from_chars(port, end, port_).ptr != end || port_ < 1 || port_ > 65535) return "it is not of the form redis://HOST:PORT";
  const std::string& file = options_.key_file;
  if (file.empty()) return "BSGEN_CACHE_SERVER_KEY names no secret to authenticate kernels with";
  struct stat facts;
  auto secret = read_trusted_file(file, Trust::kOwn, &facts);
  if (!secret) return fmt::format("its secret {} cannot be read: {}", file, std::strerror(errno));
  if (facts.st_mode & 037) return fmt::format("its secret {} is open to others (chmod 600)", file);
  if (secret->size() < kShortestSecret) return fmt::format("its secret {} has {} bytes, fewer than {}", file, secret->size(), kShortestSecret);
  secret_ = *std::move(secret);
  return {};
}

FleetCache::~FleetCache() {
  if (context_) redisFree(context_);
  OPENSSL_cleanse(secret_.data(), secret_.size());
}

void FleetCache::turn_off(const std::string& why) {
  off_ = true;
  if (context_) redisFree(context_);
  context_ = nullptr;
  warn_("fleet", fmt::format("cache: the server {} is not used: {}; kernels come from this machine alone", options_.server, why));
}

bool FleetCache::wait_for(short events, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;  // also where a server sends for ever
    pollfd one{context_->fd, events, 0};
    const int ready = poll(&one, 1, static_cast<int>(left));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

bool FleetCache::connect() {
  const auto deadline = Clock::now() + kConnectBudget;
  context_ = redisConnectNonBlock(host_.c_str(), port_);
  if (!context_ || context_->err) {
    turn_off(context_ ? context_->errstr : "no memory");
    return false;
  }
  int error = 0;
  socklen_t size = sizeof error;
  if (!wait_for(POLLOUT, deadline)) {
    turn_off(fmt::format("no connection within {} ms", kConnectBudget.count()));
    return false;
  }
  if (getsockopt(context_->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
    turn_off(std::strerror(error ? error : errno));
    return false;
  }
  process_ = getpid();
  return true;
}

bool FleetCache::ready() {
  if (off_) return false;
  if (context_ && process_ != getpid()) {
    redisFree(context_);  // closes this process's copy of the socket and says nothing through it
    context_ = nullptr;
  }
  return context_ || connect();
}

std::optional<FleetCache::Reply> FleetCache::ask(std::initializer_list<std::string_view> words) {
  const auto deadline = Clock::now() + kRequestBudget;
  const NoSigpipe no_sigpipe;
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  for (const std::string_view word : words) {
    texts.push_back(word.data());
    sizes.push_back(word.size());
  }
  redisAppendCommandArgv(context_, static_cast<int>(texts.size()), texts.data(), sizes.data());
  int sent = 0;
  while (!sent) {
    if (!wait_for(POLLOUT, deadline)) {
      turn_off(fmt::format("no answer within {} ms", kRequestBudget.count()));
      return std::nullopt;
    }
    if (redisBufferWrite(context_, &sent) != REDIS_OK) {
      turn_off(context_->errstr);
      return std::nullopt;
    }
  }
  void* answer = nullptr;
  while (!answer) {
    if (redisGetReplyFromReader(context_, &answer) != REDIS_OK) {
      turn_off(context_->errstr);
      return std::nullopt;
    }
    if (answer) break;
    if (!wait_for(POLLIN, deadline)) {
      turn_off(fmt::format("no answer within {} ms", kRequestBudget.count()));
      return std::nullopt;
    }
    if (redisBufferRead(context_) != REDIS_OK) {
      turn_off(context_->errstr);
      return std::nullopt;
    }
    if (context_->reader->len > kLargestEntry + kSealBytes) {
      turn_off("it answers with more than any entry has");
      return std::nullopt;
    }
  }
  Reply reply{{static_cast<redisReply*>(answer), freeReplyObject}};
  if (reply.reply->type == REDIS_REPLY_ERROR) {
    turn_off(reply.reply->str);
    return std::nullopt;
  }
  return reply;
}

// Over the key's digest too, so that a value moved to another name is no value.
std::string FleetCache::seal(const KernelKey& key, std::string_view bytes) const {
  std::string sealed = "bsgen entry" + std::string(key.digest.view());
  sealed += bytes;
  std::string code(kSealBytes, '\0');
  unsigned size = 0;
  HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()), reinterpret_cast<const unsigned char*>(sealed.data()), sealed.size(),
       reinterpret_cast<unsigned char*>(code.data()), &size);
  return code;
}

std::optional<Entry> FleetCache::find(const KernelKey& key) {
  const std::lock_guard lock(mutex_);
  if (!ready()) return std::nullopt;
  const std::string name = "bsgen:v1:" + key.hex();
  const auto reply = ask({"GET", name});
  const auto value = reply ? reply->text() : std::nullopt;
  if (!value) return std::nullopt;
  const auto refuse = [&](const std::string& why) {
    turn_off(fmt::format("its value {} {}", name, why));
    return std::nullopt;
  };
  if (value->size() < kSealBytes || value->size() > kLargestEntry) return refuse("is no entry");
  const std::string_view bytes = value->substr(0, value->size() - kSealBytes);
  if (CRYPTO_memcmp(seal(key, bytes).data(), value->data() + bytes.size(), kSealBytes) != 0) return refuse("was not written with this fleet's secret");
  EntryReading reading = read_entry(bytes);
  if (reading.state == EntryState::kOtherFormat) return std::nullopt;
  if (reading.state != EntryState::kSound || !(reading.entry.key == key.record)) return refuse("is not the kernel that it is named after");
  return std::move(reading.entry);
}

void FleetCache::store(const KernelKey& key, const Entry& entry) {
  if (options_.read_only) return;
  const std::lock_guard lock(mutex_);
  if (!ready()) return;
  std::string value = write_entry(entry);
  value += seal(key, value);
  (void)ask({"SET", "bsgen:v1:" + key.hex(), value});
}

}  // namespace bsgen::runtime
