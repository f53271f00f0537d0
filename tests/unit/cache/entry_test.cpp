#include "runtime/cache/entry.h"

#include "tests/unit/cache/cache_fixture.h"

using namespace bsgen;
using namespace bsgen::test;

namespace {

Entry make_entry(int n) {
  return {make_key(n).record, make_image(n), make_about()};
}

// The same bytes with a right digest at the end, as a writer of another version would leave them.
std::string resealed(std::string bytes) {
  bytes.resize(bytes.size() - 32);
  bytes += sha256(bytes).view();
  return bytes;
}

}  // namespace

TEST_CASE("a_cache_entry_reads_back_as_it_was_written") {
  const Entry entry = make_entry(3);
  const EntryReading reading = read_entry(write_entry(entry));
  CHECK(reading.state == EntryState::kSound);
  CHECK(reading.entry.key == entry.key);
  CHECK(reading.entry.image == entry.image);  // times to the last bit too
  CHECK(reading.entry.about == entry.about);
  Entry bare = entry;
  bare.image.cubin.clear();
  bare.about = {};
  CHECK(read_entry(write_entry(bare)).entry.image == bare.image);
}

// What stands in the caches of those who use format 1. Whoever changes the bytes gives the format its next number, and this test the digest.
TEST_CASE("an_entry_of_format_1_has_the_bytes_that_it_always_had") {
  Entry entry = {{}, make_image(3), make_about()};
  entry.key.add("schema", "1");
  const std::string bytes = write_entry(entry);
  CHECK(static_cast<int>(bytes[8]) == 1);
  CHECK(bytes.size() == 454);
  CHECK(sha256(bytes).hex() == "d9b01e80fef0e4072c6d4ed80ff6978428f1e3c9f7f63822887f41871add2d6f");
}

TEST_CASE("every_truncation_of_a_cache_entry_is_noticed") {
  const std::string bytes = write_entry(make_entry(3));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    REQUIRE(read_entry(std::string_view(bytes).substr(0, size)).state == EntryState::kDamaged);
  }
  CHECK(read_entry(bytes + '\0').state == EntryState::kDamaged);
  CHECK(read_entry(bytes + bytes).state == EntryState::kDamaged);
}

TEST_CASE("every_flipped_bit_of_a_cache_entry_is_noticed") {
  std::string bytes = write_entry(make_entry(3));
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    if (read_entry(bytes).state != EntryState::kDamaged) FAIL("bit " << bit << " passed");
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  }
  CHECK(read_entry(bytes).state == EntryState::kSound);
}

TEST_CASE("an_undamaged_entry_of_a_later_format_is_no_damage") {
  std::string bytes = write_entry(make_entry(3));
  bytes[8] = 2;  // the format's lowest byte
  const EntryReading reading = read_entry(resealed(bytes));
  CHECK(reading.state == EntryState::kOtherFormat);
  CHECK(reading.why == "it has format 2, this bsgen reads format 1");
}

TEST_CASE("an_entry_with_a_section_of_a_later_bsgen_is_read") {
  std::string bytes = write_entry(make_entry(3));
  std::string section;
  put_text(section, "sass");
  put_u64(section, 4);
  section += "EXIT";
  bytes.insert(bytes.size() - 32, section);
  bytes[20] = 5;  // sections
  std::string total;
  put_u64(total, bytes.size());
  bytes.replace(12, 8, total);
  const EntryReading reading = read_entry(resealed(bytes));
  CHECK(reading.state == EntryState::kSound);
  CHECK(reading.entry.image == make_entry(3).image);
}

TEST_CASE("sealed_nonsense_is_damage_and_not_a_crash") {
  const std::string good = write_entry(make_entry(3));
  std::mt19937 random(7);
  int sound = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = good;
    for (int n = 0; n < 3; ++n) bytes[random() % (bytes.size() - 32)] = static_cast<char>(random());
    const EntryReading reading = read_entry(resealed(bytes));
    sound +=
        reading.state == EntryState::kSound;  // where text or code changed and its seal with it
    if (reading.state != EntryState::kSound) CHECK(!reading.why.empty());
  }
  CHECK(sound < 3000);
  for (std::size_t size = 0; size < good.size(); ++size)
    (void)read_entry(resealed(good.substr(0, size) + std::string(32, 'x')));
}
