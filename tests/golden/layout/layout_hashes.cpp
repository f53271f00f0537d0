// One hash per generator, for ever: kernels are cached and papers are repeated under these names.
#include "bsgen/layout.h"
#include "tests/support/catch.h"

namespace {
std::string hash(const std::string& spec) {
  const auto layout = bsgen::read_mask(spec, {});
  INFO(layout.status().message());
  REQUIRE(layout);
  return layout->hash().hex();
}
}  // namespace

TEST_CASE("generators_give_the_same_layout_on_every_machine") {
  CHECK(hash("random:64x48:density=0.1,seed=7") == "e969e33e2002dc2ec051adb791c88451");
  CHECK(hash("banded:64x64:width=5") == "ef1f5e7bb8989ca59a25b7a66f9a13f6");
  CHECK(hash("blockdiag:64x48:size=5") == "111211900360f4cc3ae57eebd9baee27");
  CHECK(hash("causal:32x32") == "c66645eb05701644ce389b69c0d3daab");
  CHECK(hash("strided:64x64:stride=8") == "fbb271d02be7d4da069b83a7d87b75fe");
  CHECK(hash("butterfly:64x64") == "987cd42297214724311380e8f7fd9b2b");
  CHECK(hash("bigbird:64x64:window=3,global=2,random=3,seed=7") == "0e8c17180f62692c7e335442217c3c3c");
  CHECK(hash("longformer:64x64:window=5,global=2") == "3158c75e5f14c98d4dbc80c7bae1fdff");
  CHECK(hash("smallworld:64x96:degree=6,rewire=0.2,seed=7") == "2f462ebdd39a67828a16ecf61b19a534");
  CHECK(hash("scalefree:64x64:edges=3,seed=7") == "9e81a50b838c0c2f7a7c93290558c190");
  CHECK(hash("full:16x16") == "e19bccd8e556875f0e735432994d601d");
  CHECK(hash("empty:16x16") == "a646219bbcbd300d1884ebaae263e51f");
  CHECK(hash("bits:6x5:heads=2,hex=c3a5f00d1234567") == "0cd9e3e58525ab2cef80e93055285914");
}

TEST_CASE("block_size_and_heads_are_part_of_the_hash") {
  CHECK(bsgen::Layout::from_bits({1, 0, 0, 1}, 2, 2, {16, 32}, 1, {30, 33})->hash().hex() == "ad38a5cd4387fed9a5b187cc25bf8cce");
  CHECK(bsgen::Layout::from_bits({1, 0, 0, 1}, 1, 2, {8, 8}, 2)->hash().hex() == "051f8c3580376177c5ff5d339ea1dd85");
}
