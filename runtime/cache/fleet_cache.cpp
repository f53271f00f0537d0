#include "runtime/cache/fleet_cache.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "runtime/cache/cache_files.h"

namespace bsgen::runtime {
namespace {

constexpr std::size_t kSealBytes = 32, kShortestSecret = 32;

}  // namespace

std::string why_no_fleet_cache() {
  return {};
}

FleetCache::FleetCache(FleetOptions options, Logger logger) : options_(std::move(options)), warn_(std::move(logger)) {
  if (const std::string why = set_up(); !why.empty()) turn_off(why);
}

std::string FleetCache::set_up() {
  const auto server = FleetServer::parse(options_.server);
  if (!server) return "it is not of the form redis://HOST:PORT or rediss://HOST:PORT";
  server_ = *server;
  server_.ca_file = options_.ca_file;
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

FleetCache::~FleetCache() { OPENSSL_cleanse(secret_.data(), secret_.size()); }

void FleetCache::turn_off(const std::string& why) {
  off_ = true;
  connection_.reset();
  warn_("fleet", fmt::format("cache: the server {} is not used: {}; kernels come from this machine alone", options_.server, why));
}

std::optional<FleetReply> FleetCache::ask(std::initializer_list<std::string_view> words) {
  if (off_) return std::nullopt;
  if (!connection_ || !connection_->ours()) {
    auto opened = FleetConnection::open(server_);
    if (!opened) {
      turn_off(opened.status().message());
      return std::nullopt;
    }
    connection_ = *std::move(opened);
  }
  auto reply = connection_->ask(words, kLargestEntry + kSealBytes);
  if (reply) return *std::move(reply);
  turn_off(reply.status().message());
  return std::nullopt;
}

// Over the key's digest too, so that a value moved to another name is no value.
Digest FleetCache::seal(const KernelKey& key, std::string_view bytes) const {
  std::string sealed = "bsgen entry" + std::string(key.digest.view());
  sealed += bytes;
  return hmac_sha256(secret_, sealed);
}

std::optional<Entry> FleetCache::find(const KernelKey& key) {
  const std::lock_guard lock(mutex_);
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
  if (CRYPTO_memcmp(seal(key, bytes).bytes.data(), value->data() + bytes.size(), kSealBytes) != 0) return refuse("was not written with this fleet's secret");
  EntryReading reading = read_entry(bytes);
  if (reading.state == EntryState::kOtherFormat) return std::nullopt;
  if (reading.state != EntryState::kSound || !(reading.entry.key == key.record)) return refuse("is not the kernel that it is named after");
  return std::move(reading.entry);
}

void FleetCache::store(const KernelKey& key, const Entry& entry) {
  if (options_.read_only) return;
  const std::lock_guard lock(mutex_);
  if (off_) return;
  std::string value = write_entry(entry);
  value += seal(key, value).view();
  (void)ask({"SET", "bsgen:v1:" + key.hex(), value});
}

}  // namespace bsgen::runtime
