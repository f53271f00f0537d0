#include "runtime/cache/memory_cache.h"

#include "tests/unit/cache/cache_fixture.h"

using namespace bsgen;
using namespace bsgen::test;

namespace {

// Keys of one shard, so that the order of use is the shard's.
std::vector<Digest> keys_of_one_shard(int count) {
  std::vector<Digest> keys;
  for (int n = 0; static_cast<int>(keys.size()) < count; ++n)
    if (const Digest digest = make_key(n).digest; digest.bytes[31] % 16 == 5)
      keys.push_back(digest);
  return keys;
}

}  // namespace

TEST_CASE("the_least_recently_used_value_leaves_a_full_memory_tier") {
  MemoryCache<int> cache(3 * 16);
  const auto keys = keys_of_one_shard(4);
  for (int i = 0; i < 3; ++i)
    cache.insert(keys[static_cast<std::size_t>(i)], std::make_shared<const int>(i));
  CHECK(*cache.find(keys[0]) == 0);  // makes key 1 the oldest
  cache.insert(keys[3], std::make_shared<const int>(3));
  CHECK(cache.size() == 3);
  CHECK(!cache.find(keys[1]));
  CHECK(*cache.find(keys[0]) == 0);
  CHECK(*cache.find(keys[2]) == 2);
  CHECK(*cache.find(keys[3]) == 3);
}

TEST_CASE("the_memory_tier_keeps_its_bound_in_bytes_and_holds_one_value_however_large") {
  MemoryCache<int> cache(1000 * 16, 100 * 16);
  const auto keys = keys_of_one_shard(3);
  cache.insert(keys[0], std::make_shared<const int>(0), 60);
  cache.insert(keys[1], std::make_shared<const int>(1), 60);
  CHECK(!cache.find(keys[0]));
  CHECK(cache.bytes() == 60);
  cache.insert(keys[2], std::make_shared<const int>(2), 5000);
  CHECK(cache.size() == 1);
  CHECK(*cache.find(keys[2]) == 2);
  cache.insert(keys[2], std::make_shared<const int>(7), 10);
  CHECK(*cache.find(keys[2]) == 7);
  CHECK(cache.bytes() == 10);
}

TEST_CASE("a_value_that_left_the_memory_tier_lives_on_with_its_holder") {
  MemoryCache<int> cache(16);
  const auto keys = keys_of_one_shard(2);
  cache.insert(keys[0], std::make_shared<const int>(0));
  const auto held = cache.find(keys[0]);
  cache.insert(keys[1], std::make_shared<const int>(1));
  CHECK(!cache.find(keys[0]));
  CHECK(*held == 0);
}
