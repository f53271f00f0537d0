#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "compiler/support/hash.h"
#include "tests/unit/bundle/bundle_fixture.h"

using namespace bsgen;
using namespace bsgen::test;

namespace {

Problem of_op(Op op) {
  Problem problem;
  problem.op = op;
  return problem;
}

std::vector<BundleKernelText> several() {
  std::vector<BundleKernelText> kernels;
  int n = 0;
  for (const Layout& layout : {small_layout(), other_layout()})
    for (const Op op : {Op::kFprop, Op::kBprop, Op::kUpdate})
      for (const int arch : {80, 90}) kernels.push_back(bundled(layout, of_op(op), sm(arch), ++n));
  return kernels;
}

}  // namespace

TEST_CASE("every_request_of_a_bundle_is_found_and_loads_what_went_in") {
  const std::vector<BundleKernelText> kernels = several();
  const BundleFile file(kernels);
  const auto bundle = Bundle::open(file.path());
  INFO(bundle.status().message());
  REQUIRE(bundle);
  CHECK((*bundle)->size() == kernels.size());
  CHECK((*bundle)->architectures() == std::vector<Arch>{sm(80), sm(90)});
  int n = 0;
  for (const BundleKernelText& kernel : kernels) {
    const auto place = (*bundle)->find(kernel.request);
    REQUIRE(place);
    CHECK((*bundle)->line(*place) == kernel.line);
    const auto loaded = (*bundle)->load(*place);
    REQUIRE(loaded);
    CHECK(write_entry(loaded->entry) == kernel.entry);
    CHECK(loaded->entry.key == make_key(++n).record);
    CHECK(loaded->plan.arch == kernel.arch);
  }
  CHECK(!(*bundle)->find(*request_bytes({small_layout().hash(), of_op(Op::kFprop), {}, sm(75)})));
}

TEST_CASE("the_same_kernels_make_the_same_bundle_in_any_order_and_doubles_are_dropped") {
  std::vector<BundleKernelText> kernels = several();
  const std::string bytes = write_bundle(kernels);
  std::reverse(kernels.begin(), kernels.end());
  kernels.push_back(kernels.front());
  CHECK(write_bundle(kernels) == bytes);
}

TEST_CASE("an_empty_bundle_finds_nothing") {
  const BundleFile file{std::vector<BundleKernelText>{}};
  const auto bundle = Bundle::open(file.path());
  REQUIRE(bundle);
  CHECK(!(*bundle)->find("anything"));
}

// A file that is changed bit by bit through a mapping of its own.
TEST_CASE("every_flipped_bit_and_every_truncation_of_a_bundle_is_noticed") {
  const BundleFile file({bundled(small_layout(), {}, sm(80))});
  const std::string whole = file.bytes();
  const auto sound = [&] {
    const auto bundle = Bundle::open(file.path());
    return bundle && (*bundle)->load(0).ok();
  };
  REQUIRE(sound());
  const int descriptor = open(file.path().c_str(), O_RDWR | O_CLOEXEC);
  auto* bytes = static_cast<unsigned char*>(mmap(nullptr, whole.size(), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0));
  REQUIRE(bytes != MAP_FAILED);
  std::size_t missed = 0;
  for (std::size_t i = 0; i < whole.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      bytes[i] ^= static_cast<unsigned char>(1 << bit);
      missed += sound();
      bytes[i] ^= static_cast<unsigned char>(1 << bit);
    }
  CHECK(missed == 0);
  munmap(bytes, whole.size());
  REQUIRE(sound());
  for (std::size_t length = whole.size(); length-- > 0;) {
    REQUIRE(ftruncate(descriptor, static_cast<off_t>(length)) == 0);
    missed += sound();
  }
  CHECK(missed == 0);
  close(descriptor);
}

TEST_CASE("a_bundle_of_another_build_is_missing_and_says_which_one_made_it") {
  const BundleFile file(several());
  std::string bytes = file.bytes();
  const std::size_t at = bytes.find("bsgen " BSGEN_VERSION " with templates ");
  REQUIRE(at != std::string::npos);
  bytes[at + 6] = '9';
  sign(bytes);
  file.write(bytes);
  const Status status = Bundle::open(file.path()).status();
  CHECK(status.code() == ErrorCode::kMissing);
  CHECK(status.message().find("was made by bsgen 9.1.0 with templates ") != std::string::npos);
}

TEST_CASE("two_requests_of_one_hash_are_told_apart_by_their_bytes") {
  const BundleKernelText kernel = bundled(small_layout(), {}, sm(80));
  const BundleFile file({kernel});
  const std::string stranger = "another request";
  const Hash128 hash = hash_text(stranger);
  std::string bytes = file.bytes();
  std::memcpy(bytes.data() + sizeof(BundleHeader), &hash.high, 8);
  std::memcpy(bytes.data() + sizeof(BundleHeader) + 8, &hash.low, 8);
  sign(bytes);
  file.write(bytes);
  const auto bundle = Bundle::open(file.path());
  REQUIRE(bundle);
  CHECK(!(*bundle)->find(stranger));
}

// Whatever stands in the index, nothing is read that is not in the file.
TEST_CASE("an_index_that_lies_is_refused_or_leads_to_bytes_of_the_file") {
  const BundleFile file({bundled(small_layout(), {}, sm(80)), bundled(other_layout(), {}, sm(80), 2)});
  const std::string whole = file.bytes();
  int opened = 0, refused = 0;
  for (std::size_t at = 0; at < sizeof(BundleItem) - sizeof(BundleItem::digest); at += 4)
    for (const std::uint32_t lie : {0u, 1u, 31u, 0x7fffffffu, 0xffffffffu, static_cast<std::uint32_t>(whole.size()), static_cast<std::uint32_t>(whole.size() - 1)}) {
      std::string bytes = whole;
      std::memcpy(bytes.data() + sizeof(BundleHeader) + at, &lie, 4);
      sign(bytes);
      file.write(bytes);
      const auto bundle = Bundle::open(file.path());
      ++(bundle ? opened : refused);
      if (!bundle) continue;
      for (std::size_t place = 0; place < (*bundle)->size(); ++place) {
        const std::string line((*bundle)->line(place));
        CHECK(line.size() < whole.size());
        (void)(*bundle)->load(place);
      }
    }
  CHECK(opened > 0);
  CHECK(refused > 0);
}

TEST_CASE("what_is_no_bundle_is_refused_by_name") {
  const BundleFile file(several());
  CHECK(Bundle::open(file.path() + "x").status().message() == "bundle: " + file.path() + "x cannot be opened: No such file or directory");
  CHECK(Bundle::open(file.folder.str()).status().message() == "bundle: " + file.folder.str() + " is not a regular file");
  file.write("");
  CHECK(Bundle::open(file.path()).status().message() ==
        "bundle: " + file.path() + ": 0 bytes are less than any bundle has; make it anew with bsgen bundle");
  file.write(std::string(200, 'x'));
  CHECK(Bundle::open(file.path()).status().message() == "bundle: " + file.path() + ": it does not begin like a bundle; make it anew with bsgen bundle");
}

TEST_CASE("a_request_is_known_by_every_field_that_was_asked_and_by_nothing_else") {
  const BundleRequest asked{small_layout().hash(), {}, {}, sm(80)};
  const std::string bytes = *request_bytes(asked);
  const auto differs = [&](auto change) {
    BundleRequest changed = asked;
    change(changed);
    return *request_bytes(changed) != bytes;
  };
  CHECK(differs([](auto& r) { r.layout = other_layout().hash(); }));
  CHECK(differs([](auto& r) { r.problem.op = Op::kBprop; }));
  CHECK(differs([](auto& r) { r.problem.dtype = DType::kFp16; }));
  CHECK(differs([](auto& r) { r.problem.out_dtype = DType::kFp32; }));
  CHECK(differs([](auto& r) { r.problem.activations = Activations::kCol; }));
  CHECK(differs([](auto& r) { r.problem.align = 4; }));
  CHECK(differs([](auto& r) { r.problem.accumulate = true; }));
  CHECK(differs([](auto& r) { r.problem.epilogue = "acc + bias[n]"; }));
  CHECK(differs([](auto& r) { r.options.tier = Tier::kTable; }));
  CHECK(differs([](auto& r) { r.options.plan_tokens = 1; }));
  CHECK(differs([](auto& r) { r.options.assume_finite = true; }));
  CHECK(differs([](auto& r) { r.options.batch_invariant = true; }));
  CHECK(differs([](auto& r) { r.arch.number = 86; }));
  CHECK(differs([](auto& r) { r.arch.suffix = 'a'; }));
  CHECK(!differs([](auto& r) { r.problem.out_dtype = DType::kBf16; }));
  CHECK(!differs([](auto& r) { r.problem.epilogue = "acc"; }));
  CHECK(!differs([](auto& r) { r.options.compile_budget_ms = 1; }));

  BundleRequest one = asked, same = asked;
  one.problem.epilogue = "gelu(acc+bias[n])";
  same.problem.epilogue = " gelu( acc + bias[n] )";
  CHECK(*request_bytes(one) == *request_bytes(same));
  std::string moved = bytes;
  set_arch(moved, sm(90, 'a'));
  BundleRequest there = asked;
  there.arch = sm(90, 'a');
  CHECK(moved == *request_bytes(there));
}

TEST_CASE("words_of_a_line_survive_quoting") {
  for (const char* word : {"banded:64x64:width=3", "", "a b", "it's", "\"", "\\", "gelu(acc + bias[n]) * scale", "#x", "$HOME", "a\tb"}) {
    const auto words = split_words(quote_word(word) + " --x " + quote_word(word));
    REQUIRE(words);
    CHECK(*words == std::vector<std::string>{word, "--x", word});
  }
  CHECK(*split_words("  a\\ b \"c 'd\" 'e \"f' \r") == std::vector<std::string>{"a b", "c 'd", "e \"f"});
  CHECK(!split_words("a 'b"));
  CHECK(!split_words("a \\"));
}

TEST_CASE("a_layout_that_nobody_named_is_spelled_out_and_read_back") {
  const std::vector<std::uint8_t> bits = {1, 0, 0, 1, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0};
  for (const Layout& layout : {*Layout::from_bits(bits, 5, 4, {16, 32}), *Layout::from_bits(bits, 2, 5, {32, 32}, 2, {50, 129}), small_layout()}) {
    const std::string text = mask_text(layout);
    const auto words = *split_words(text);
    INFO(text);
    REQUIRE(words.size() >= 3);
    MaskOptions options;
    options.block = *parse_block_shape(words[2]);
    if (words.size() == 5) options.size = {layout.rows(), layout.cols()};
    const auto read = read_mask(words[0], options);
    INFO(read.status().message());
    REQUIRE(read);
    CHECK(read->hash() == layout.hash());
  }
  CHECK(mask_text(small_layout()) == "bits:2x2:hex=d --block 32");
  const Layout large = *read_mask("random:128x128:density=0.1", {});
  CHECK(mask_text(large) == large.hash().hex() + ".layout --block 32");
}

TEST_CASE("each_of_ten_thousand_requests_is_found_and_no_other") {
  const Problem problem = of_op(Op::kBprop);
  const std::string payload = write_entry({make_key(1).record, make_image(1), make_about()});
  std::vector<BundleKernelText> kernels;
  std::vector<Hash128> layouts;
  for (std::uint64_t i = 0; i < 10000; ++i) {
    layouts.push_back({i, i * 0x9e3779b97f4a7c15u});
    kernels.push_back({*request_bytes({layouts.back(), problem, {}, sm(90)}), "line", sm(90), "plan", payload});
  }
  const BundleFile file(std::move(kernels));
  const auto bundle = *Bundle::open(file.path());
  std::size_t found = 0;
  for (const Hash128& layout : layouts) found += bundle->find(*request_bytes({layout, problem, {}, sm(90)})).has_value();
  CHECK(found == layouts.size());
  CHECK_FALSE(bundle->find(*request_bytes({{10000, 0}, problem, {}, sm(90)})));
}
