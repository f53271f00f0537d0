#include "runtime/cache/sha256.h"

#include <chrono>
#include <functional>
#include <thread>

#include "tests/support/fork.h"

using namespace bsgen::runtime;
using namespace bsgen::test;

// RFC 4231, sections 4.2, 4.3, 4.4 and 4.7 (a secret longer than a block).
TEST_CASE("seals_are_those_of_the_standard") {
  CHECK(hmac_sha256(std::string(20, '\x0b'), "Hi There").hex() == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(hmac_sha256("Jefe", "what do ya want for nothing?").hex() == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(hmac_sha256(std::string(20, '\xaa'), std::string(50, '\xdd')).hex() == "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  CHECK(hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First").hex() ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

// Every key is a digest, and what a fleet shares is sealed: no lock of the library that makes them may be held over a fork, in its first use
// least of all. Each host is a process that never made one, forks while its thread does, and has a child that makes one too.
TEST_CASE("a_child_forked_while_its_parent_hashes_for_the_first_time_can_hash") {
  BSGEN_NEED_FORK();
  const auto hashes = [] { return sha256("bsgen").hex() == "427dd53d5ed723136e37a4b30d33d1d07c5a2c130cc6fe268f2cc64d5551ea8d"; };
  const auto seals = [] { return hmac_sha256("key", "bsgen").hex() == "a14b170474442cab400359224e598f0b68450a40bd235ccf189e37e3d12d4a94"; };
  const std::function<bool()> works[] = {hashes, seals};
  constexpr int kHosts = 100;
  for (const auto& work : works) {
    int right = 0;
    const auto host = [&] {
      std::thread first(work);
      std::this_thread::sleep_for(std::chrono::microseconds(right * 20));
      const bool good = true_in_child(work);
      first.join();
      return good;
    };
    while (right < kHosts && true_in_child(host, 10)) ++right;
    CHECK(right == kHosts);
  }
}
