// Why two keys are two, and caches carried elsewhere.
#include "runtime/cache/cache_exchange.h"

#include "tests/unit/cache/cache_fixture.h"

using namespace bsgen;
using namespace bsgen::test;

namespace {

Record fields(std::vector<std::pair<std::string, std::string>> list) {
  Record record;
  for (const auto& [label, value] : list) record.add(label, value);
  return record;
}

std::string said(const Record& a, const Record& b) {
  const auto difference = first_difference(a, b);
  return difference ? difference->field + ": " + difference->first + " | " + difference->second : "equal";
}

void fill(const CacheFolder& folder, int first, int last) {
  for (int n = first; n <= last; ++n) write_file(folder.entry(make_key(n)), write_entry({make_key(n).record, make_image(n), make_about()}));
}

}  // namespace

TEST_CASE("the_first_field_in_which_two_keys_differ_is_named_with_what_it_is_about") {
  const Record base = fields({{"arch", "sm_90"}, {"header", "a.cuh"}, {"header sha256", "11"}, {"header", "b.cuh"}, {"header sha256", "22"}});
  CHECK(said(base, base) == "equal");
  CHECK(said(base, fields({{"arch", "sm_80"}, {"header", "other"}})) == "arch: sm_90 | sm_80");
  CHECK(said(base, fields({{"arch", "sm_90"}, {"header", "a.cuh"}, {"header sha256", "11"}, {"header", "b.cuh"}, {"header sha256", "33"}})) ==
        "header sha256 of b.cuh: 22 | 33");
  CHECK(said(base, fields({{"arch", "sm_90"}})) == "header: a.cuh | absent");
  CHECK(said(fields({{"arch", "sm_90"}}), base) == "header: absent | a.cuh");
  CHECK(said(base, fields({{"arch", "sm_90"}, {"nvrtc", "77"}})) == "header: a.cuh | absent (nvrtc 77 in its place)");
}

TEST_CASE("an_entry_is_found_by_the_beginning_of_its_key_or_by_its_file") {
  const CacheFolder folder;
  fill(folder, 1, 40);
  const std::string key = make_key(7).hex();
  CHECK(read_named_entry(folder.str(), key, Trust::kOwn)->key == make_key(7).record);
  CHECK(read_named_entry(folder.str(), key.substr(0, 16), Trust::kOwn)->key == make_key(7).record);
  CHECK(read_named_entry("/nowhere", folder.entry(make_key(7)), Trust::kOwn)->key == make_key(7).record);
  CHECK(read_named_entry(folder.str(), "zz", Trust::kOwn).status() ==
        Status(ErrorCode::kInvalidArgument, "cache: no key in " + folder.str() + " begins with \"zz\"; `bsgen cache list` shows them"));
  CHECK(read_named_entry(folder.str(), "", Trust::kOwn).status().message().find("begins more than one key") != std::string::npos);
  write_file(folder.entry(make_key(7)), "x");
  CHECK(read_named_entry(folder.str(), key, Trust::kOwn).status() ==
        Status(ErrorCode::kInvalidArgument, "cache: " + folder.entry(make_key(7)) + " is no sound entry: 1 bytes are less than any entry has"));
}

TEST_CASE("a_packed_cache_is_unpacked_to_the_same_files") {
  const CacheFolder from, to;
  fill(from, 1, 5);
  write_file(from.entry(make_key(6)), "damaged, so not packed");
  const auto pack = pack_cache(from.str(), {}, Trust::kOwn);
  REQUIRE(pack);
  fill(to, 5, 5);
  fs::permissions(to.path, fs::perms::owner_all);
  const auto result = unpack_cache(to.str(), *pack, 1 << 30, Trust::kOwn);
  REQUIRE(result);
  CHECK(result->added == 4);
  CHECK(result->already_there == 1);
  for (int n = 1; n <= 5; ++n) CHECK(read_file(to.entry(make_key(n))) == read_file(from.entry(make_key(n))));
  CHECK(!fs::exists(to.entry(make_key(6))));
  const CacheFolder one;
  const auto chosen = pack_cache(from.str(), {make_key(2).hex().substr(0, 20)}, Trust::kOwn);
  REQUIRE(chosen);
  CHECK(unpack_cache(one.str(), *chosen, 1 << 30, Trust::kOwn)->added == 1);
  CHECK(fs::exists(one.entry(make_key(2))));
}

TEST_CASE("a_pack_that_is_damaged_anywhere_adds_nothing") {
  const CacheFolder from, to;
  fill(from, 1, 2);
  const auto pack = pack_cache(from.str(), {}, Trust::kOwn);
  REQUIRE(pack);
  for (std::size_t at = 0; at < pack->size(); at += 7) {
    std::string bad = *pack;
    bad[at] = static_cast<char>(bad[at] ^ 4);
    REQUIRE(!unpack_cache(to.str(), bad, 1 << 30, Trust::kOwn));
    REQUIRE(!unpack_cache(to.str(), pack->substr(0, at), 1 << 30, Trust::kOwn));
  }
  // One whose seal is right and whose entries are not.
  std::string sealed = pack->substr(0, pack->size() - 32);
  sealed[200] = static_cast<char>(sealed[200] ^ 4);
  sealed += sha256(sealed).view();
  CHECK(!unpack_cache(to.str(), sealed, 1 << 30, Trust::kOwn));
  CHECK(!fs::exists(to.path));
}

TEST_CASE("counts_and_the_histogram_of_compile_times_are_one_json_object") {
  CacheStats stats;
  stats.hits_disk = 3;
  stats.compile_ms[compile_bucket(0.5)] = 1;
  stats.compile_ms[compile_bucket(25)] = 7;
  stats.compile_ms[compile_bucket(1e9)] = 2;
  const std::string json = to_json(stats);
  CHECK(json.starts_with("{\"entries\": 0, \"bytes\": 0, \"hits_memory\": 0, \"hits_disk\": 3, "));
  CHECK(json.find("{\"below_ms\": 1, \"compiles\": 1}") != std::string::npos);
  CHECK(json.find("{\"below_ms\": 32, \"compiles\": 7}") != std::string::npos);
  CHECK(json.ends_with("{\"below_ms\": null, \"compiles\": 2}]}"));
  CHECK(compile_quantile_ms(stats, 0.5) == 32);
  CHECK(compile_quantile_ms(stats, 0.1) == 1);
  CHECK(compile_quantile_ms(CacheStats{}, 0.95) == 0);
}
