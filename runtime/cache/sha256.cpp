#include "runtime/cache/sha256.h"

#include <openssl/evp.h>

#include "bsgen/status.h"

namespace bsgen::runtime {

Digest sha256(std::string_view bytes) {
  Digest digest;
  unsigned size = 0;
  const int done =
      EVP_Digest(bytes.data(), bytes.size(), digest.bytes.data(), &size, EVP_sha256(), nullptr);
  BSGEN_ASSERT(done == 1 && size == digest.bytes.size(),
               "every libcrypto, in FIPS mode too, has SHA-256");
  return digest;
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
