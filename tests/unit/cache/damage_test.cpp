// Damage of every kind under an entry's name: noticed, set aside, told once, and healed by one compile.
#include "tests/unit/cache/cache_fixture.h"

using namespace bsgen;
using namespace bsgen::test;

namespace {

// Whether `bytes` in place of key 1's entry are noticed and healed. In words what is not.
std::string heals(const CacheFolder& folder, const std::string& bytes) {
  write_file(folder.entry(make_key(1)), bytes);
  Log log;
  int compiles = 0;
  const auto ask = [&] {
    KernelStore store({.memory = false, .directory = folder.str(), .logger = log.logger()});
    return store.get(make_key(1), make_about(), [&]() -> Expected<KernelImage> {
      ++compiles;
      return make_image(1);
    });
  };
  const auto first = ask(), second = ask();
  if (!first || !second || !(*first->image == make_image(1)) || !(*second->image == make_image(1))) return "a wrong kernel was served";
  if (first->origin != KernelOrigin::kCompiled) return "damage was not noticed";
  if (second->origin != KernelOrigin::kDisk || compiles != 1) return "damage was not healed";
  if (log.lines.size() != 1) return "it was not told once";
  if (folder.quarantined() != 1) return "it was not set aside";
  fs::remove_all(folder.path / "quarantine");
  return "";
}

// The entry as a power cut may leave it: of its length, with 512-byte sectors that were never written.
std::string torn(std::string bytes, unsigned lost) {
  for (std::size_t sector = 0; sector * 512 < bytes.size(); ++sector)
    if (lost >> sector & 1) bytes.replace(sector * 512, std::min<std::size_t>(512, bytes.size() - sector * 512), std::min<std::size_t>(512, bytes.size() - sector * 512), '\0');
  return bytes;
}

void flip_bits(std::size_t step) {
  const CacheFolder folder;
  std::string bytes = write_entry({make_key(1).record, make_image(1), make_about()});
  for (std::size_t bit = 0; bit < bytes.size() * 8; bit += step) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    CAPTURE(bit);
    REQUIRE(heals(folder, bytes) == "");
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  }
  std::printf("%zu flipped bits of %zu: all noticed, told and healed\n", (bytes.size() * 8 + step - 1) / step, bytes.size() * 8);
}

void truncate(std::size_t step) {
  const CacheFolder folder;
  const std::string bytes = write_entry({make_key(1).record, make_image(1), make_about()});
  for (std::size_t size = 0; size < bytes.size(); size += step) {
    CAPTURE(size);
    REQUIRE(heals(folder, bytes.substr(0, size)) == "");
  }
  std::printf("%zu lengths of %zu: all noticed, told and healed\n", (bytes.size() + step - 1) / step, bytes.size());
}

}  // namespace

TEST_CASE("a_flipped_bit_on_disk_is_noticed_told_and_healed") {
  flip_bits(37);
}
TEST_CASE("every_flipped_bit_on_disk_is_noticed_told_and_healed", "[.full]") {
  flip_bits(1);
}
TEST_CASE("a_truncated_entry_on_disk_is_noticed_told_and_healed") {
  truncate(11);
}
TEST_CASE("every_truncation_on_disk_is_noticed_told_and_healed", "[.full]") {
  truncate(1);
}

TEST_CASE("sectors_that_a_power_cut_lost_are_noticed_and_healed") {
  const CacheFolder folder;
  const std::string bytes = write_entry({make_key(1).record, make_image(1), make_about()});
  const unsigned sectors = static_cast<unsigned>((bytes.size() + 511) / 512);
  for (unsigned lost = 1; lost < 1u << sectors; ++lost) {
    CAPTURE(lost);
    REQUIRE(heals(folder, torn(bytes, lost)) == "");
  }
}
