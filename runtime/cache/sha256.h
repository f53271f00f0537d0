// SHA-256 through libcrypto: names what is trusted on disk, and seals what a fleet shares.
#pragma once

#include <array>
#include <cstring>
#include <string>
#include <string_view>

namespace bsgen::runtime {

struct Digest {
  std::array<unsigned char, 32> bytes{};
  std::string hex() const;
  std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  bool operator==(const Digest&) const = default;
};

Digest sha256(std::string_view bytes);
// RFC 2104, of the digest above: libcrypto's own has SHA-256 looked up in every call, under a lock that a fork does not wait for.
Digest hmac_sha256(std::string_view secret, std::string_view bytes);

// Any eight bytes of a digest are as good a hash as any.
struct DigestHash {
  std::size_t operator()(const Digest& digest) const {
    std::size_t value;
    std::memcpy(&value, digest.bytes.data(), sizeof value);
    return value;
  }
};

}  // namespace bsgen::runtime
