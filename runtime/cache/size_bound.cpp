#include "runtime/cache/size_bound.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <ctime>

#include "runtime/cache/failpoint.h"

namespace bsgen::runtime {
namespace {

constexpr std::size_t kMostQuarantined = 64;
constexpr std::size_t kLedgerBytes = 128;
constexpr std::int64_t kCountedForSeconds = 24 * 3600;  // writers that were killed or could not wait have told nothing

std::string ledger_path(const std::string& directory) {
  return directory + "/size";
}

struct Ledger {
  std::uint64_t bytes = 0;
  std::int64_t counted_at = 0;  // 0: never
};

// "bytes N counted T\n"; anything else is a ledger that must be counted anew.
Ledger parse(std::string_view text) {
  Ledger ledger;
  const auto number = [&](std::string_view label, auto& value) {
    if (!text.starts_with(label)) return false;
    text.remove_prefix(label.size());
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
    return error == std::errc();
  };
  if (!number("bytes ", ledger.bytes) || !number(" counted ", ledger.counted_at) || text != "\n") return {};
  return ledger;
}

// Always of one length and in one piece, so that who is killed leaves the old text or the new one.
void write(const File& file, const Ledger& ledger) {
  const std::string text = fmt::format("bytes {:020} counted {:020}\n", ledger.bytes, ledger.counted_at);
  (void)!pwrite(file.fd(), text.data(), text.size(), 0);
  (void)!ftruncate(file.fd(), static_cast<off_t>(text.size()));
  failpoint(Failpoint::kSizeWritten);
}

void sweep_quarantine(const std::string& directory) {
  std::vector<Named> files = contents(quarantine_directory(directory));
  if (files.size() <= kMostQuarantined) return;
  std::sort(files.begin(), files.end(), [](const Named& a, const Named& b) { return a.facts.st_mtime > b.facts.st_mtime; });
  for (std::size_t i = kMostQuarantined; i < files.size(); ++i) unlink(files[i].path.c_str());
}

}  // namespace

std::vector<EntryFile> entry_files(const std::string& directory) {
  std::vector<EntryFile> found;
  for (const Named& folder : contents(entries_directory(directory))) {
    if (!is_hex(folder.name, 2) || !S_ISDIR(folder.facts.st_mode)) continue;
    for (Named& file : contents(folder.path))
      if (is_hex(file.name, 62)) found.push_back({folder.name + file.name, std::move(file)});
  }
  return found;
}

std::uint64_t keep_within(const std::string& directory, std::uint64_t max_bytes, std::uint64_t bytes, Trust trust) {
  const File file = open_shared_file(ledger_path(directory), trust);
  if (!file.ok() || !lock_briefly(file)) return 0;
  failpoint(Failpoint::kSizeLocked);
  Ledger ledger = parse(read_up_to(file, kLedgerBytes));
  ledger.bytes += bytes;
  const std::time_t now = std::time(nullptr);
  const std::int64_t since = now - ledger.counted_at;
  const bool too_much = ledger.bytes > max_bytes && since >= kSweepPauseSeconds;
  std::uint64_t evicted = 0;
  if (too_much || since > kCountedForSeconds || since < 0) {
    std::vector<EntryFile> entries = entry_files(directory);
    std::sort(entries.begin(), entries.end(),
              [](const EntryFile& a, const EntryFile& b) { return a.file.facts.st_mtime < b.file.facts.st_mtime; });
    std::uint64_t total = bytes;
    for (const EntryFile& entry : entries) total += static_cast<std::uint64_t>(entry.file.facts.st_size);
    const std::uint64_t wanted = total > max_bytes ? max_bytes / 10 * 9 : total;
    for (const EntryFile& entry : entries) {
      struct stat facts;  // once more: somebody may have used it since
      if (total <= wanted || now - entry.file.facts.st_mtime < kUntouchableSeconds) break;
      if (lstat(entry.file.path.c_str(), &facts) != 0 || facts.st_mtime != entry.file.facts.st_mtime) continue;
      if (unlink(entry.file.path.c_str()) != 0) continue;
      failpoint(Failpoint::kEvicted);
      total -= static_cast<std::uint64_t>(entry.file.facts.st_size);
      ++evicted;
    }
    ledger = {total, now};
    sweep_arrivals(directory, now);
    sweep_quarantine(directory);
  }
  write(file, ledger);
  return evicted;
}

void forget_size(const std::string& directory) {
  unlink(ledger_path(directory).c_str());
}

}  // namespace bsgen::runtime
