#include "runtime/cache/sha256.h"

#include <openssl/evp.h>

#include <atomic>
#include <memory>
#include <mutex>

#include "bsgen/status.h"
#include "compiler/support/fork_safe_mutex.h"
#include "compiler/support/made_once.h"

namespace bsgen::runtime {
namespace {

constinit MadeOnce<ForkSafeMutex> fetching;  // digests are made while static objects are being destroyed

// Fetched once and kept. EVP_sha256() has the algorithm looked up in every call, under a lock of libcrypto's that a child which is
// forked meanwhile waits for without end (openssl, EVP_MD_fetch(3), "explicit fetching").
const EVP_MD* algorithm() {
  static constinit std::atomic<EVP_MD*> fetched{nullptr};
  if (const EVP_MD* there = fetched.load(std::memory_order_acquire)) return there;
  const std::lock_guard lock(fetching.get());
  if (!fetched.load(std::memory_order_relaxed)) fetched.store(EVP_MD_fetch(nullptr, "SHA256", nullptr), std::memory_order_release);
  return fetched.load(std::memory_order_relaxed);
}

}  // namespace

Digest sha256(std::string_view bytes) {
  Digest digest;
  unsigned size = 0;
  const EVP_MD* const sha = algorithm();
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  const bool done = sha && context && EVP_DigestInit_ex(context.get(), sha, nullptr) == 1 && EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) == 1 &&
                    EVP_DigestFinal_ex(context.get(), digest.bytes.data(), &size) == 1;
  BSGEN_ASSERT(done && size == digest.bytes.size(), "every libcrypto, in FIPS mode too, has SHA-256");
  return digest;
}

Digest hmac_sha256(std::string_view secret, std::string_view bytes) {
  constexpr std::size_t kBlock = 64;
  const Digest brief = secret.size() > kBlock ? sha256(secret) : Digest{};
  if (secret.size() > kBlock) secret = brief.view();
  std::string inner(kBlock, '\x36'), outer(kBlock, '\x5c');
  for (std::size_t i = 0; i < secret.size(); ++i) {
    inner[i] = static_cast<char>(inner[i] ^ secret[i]);
    outer[i] = static_cast<char>(outer[i] ^ secret[i]);
  }
  inner += bytes;
  outer += sha256(inner).view();
  return sha256(outer);
}

std::string Digest::hex() const {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace bsgen::runtime
