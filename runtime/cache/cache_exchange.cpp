#include "runtime/cache/cache_exchange.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace bsgen::runtime {
namespace {

constexpr std::string_view kMagic = "BSGNPACK";
constexpr std::uint32_t kPackFormat = 1;
constexpr std::size_t kDigestBytes = 32;

Status wrong(std::string message) {
  return Status(ErrorCode::kInvalidArgument, std::move(message));
}

Expected<std::string> sound_bytes(const std::string& path, Trust trust) {
  auto bytes = read_trusted_file(path, trust);
  if (!bytes) return Status(ErrorCode::kIo, fmt::format("cache: {} cannot be read: {}", path, std::strerror(errno)));
  if (const EntryReading reading = read_entry(*bytes); reading.state != EntryState::kSound)
    return wrong(fmt::format("cache: {} is no sound entry: {}", path, reading.why));
  return *std::move(bytes);
}

Expected<EntryFile> named_file(const std::vector<EntryFile>& entries, const std::string& directory, const std::string& name) {
  const EntryFile* found = nullptr;
  for (const EntryFile& entry : entries) {
    if (!entry.hex.starts_with(name)) continue;
    if (found) return wrong(fmt::format("cache: \"{}\" begins more than one key ({}, {}); write more of it", name, found->hex, entry.hex));
    found = &entry;
  }
  if (!found) return wrong(fmt::format("cache: no key in {} begins with \"{}\"; `bsgen cache list` shows them", directory, name));
  return *found;
}

}  // namespace

Expected<Entry> read_named_entry(const std::string& directory, const std::string& name, Trust trust) {
  std::string path = name;
  if (name.find('/') == std::string::npos && access(name.c_str(), F_OK) != 0) {
    BSGEN_ASSIGN(const EntryFile entry, named_file(entry_files(directory), directory, name));
    path = entry.file.path;
  }
  BSGEN_ASSIGN(const std::string bytes, sound_bytes(path, trust));
  return read_entry(bytes).entry;
}

std::optional<FieldDifference> first_difference(const Record& first, const Record& second) {
  const auto &a = first.fields(), &b = second.fields();
  std::size_t i = 0;
  while (i < a.size() && i < b.size() && a[i] == b[i]) ++i;
  if (i == a.size() && i == b.size()) return std::nullopt;
  // The field of the longer record, or of the first: both, where only the value differs.
  const auto& [label, value] = i < a.size() ? a[i] : b[i];
  FieldDifference difference{label, "absent", "absent"};
  if (i < a.size()) difference.first = value;
  if (i < b.size() && (i >= a.size() || b[i].first == label)) difference.second = b[i].second;
  if (i < a.size() && i < b.size() && b[i].first != label) difference.second = fmt::format("absent ({} {} in its place)", b[i].first, b[i].second);
  // "header", then "header sha256": the digest is that of the text named just before.
  if (i > 0 && label == a[i - 1].first + " sha256") difference.field += " of " + a[i - 1].second;
  return difference;
}

Expected<std::string> pack_cache(const std::string& directory, const std::vector<std::string>& keys, Trust trust) {
  BSGEN_TRY(list_cache(directory, false, trust).status());  // says what is wrong with the folder
  std::vector<EntryFile> entries = entry_files(directory);
  if (!keys.empty()) {
    std::vector<EntryFile> chosen;
    for (const std::string& key : keys) {
      BSGEN_ASSIGN(EntryFile entry, named_file(entries, directory, key));
      chosen.push_back(std::move(entry));
    }
    entries = std::move(chosen);
  }
  std::string pack(kMagic), body;
  std::uint64_t count = 0;
  for (const EntryFile& entry : entries) {
    const auto bytes = sound_bytes(entry.file.path, trust);
    if (!bytes && !keys.empty()) return bytes.status();
    if (!bytes) continue;  // `cache verify` tells of it
    put_u64(body, bytes->size());
    body += *bytes;
    ++count;
  }
  put_u32(pack, kPackFormat);
  put_u64(pack, count);
  pack += body;
  pack += sha256(pack).view();
  return pack;
}

Expected<ImportResult> unpack_cache(const std::string& directory, std::string_view pack, std::uint64_t max_bytes, Trust trust) {
  const Status no_pack = wrong("cache: this is no pack that `bsgen cache export` wrote, or it is damaged");
  if (pack.size() < kMagic.size() + kDigestBytes || !pack.starts_with(kMagic)) return no_pack;
  const std::string_view sealed = pack.substr(0, pack.size() - kDigestBytes);
  if (sha256(sealed).view() != pack.substr(sealed.size())) return no_pack;
  std::string_view in = sealed.substr(kMagic.size());
  std::uint32_t format = 0;
  std::uint64_t count = 0;
  if (!take_u32(in, format) || !take_u64(in, count)) return no_pack;
  if (format != kPackFormat) return wrong(fmt::format("cache: the pack has format {}, this bsgen reads format {}", format, kPackFormat));
  std::vector<std::pair<std::string, std::string_view>> entries;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint64_t size = 0;
    if (!take_u64(in, size) || size > in.size()) return no_pack;
    const EntryReading reading = read_entry(in.substr(0, size));
    if (reading.state != EntryState::kSound) return wrong(fmt::format("cache: entry {} of the pack is not sound: {}", i, reading.why));
    entries.emplace_back(KernelKey(reading.entry.key).hex(), in.substr(0, size));
    in.remove_prefix(size);
  }
  if (!in.empty()) return no_pack;
  std::string trouble;
  DiskCache cache(directory, trust, max_bytes, [&](LogLevel, std::string_view message) { trouble = message; });
  ImportResult result;
  for (const auto& [hex, bytes] : entries) {
    if (access(entry_path(directory, hex).c_str(), F_OK) == 0) {
      ++result.already_there;
      continue;
    }
    if (!cache.publish(hex, bytes).kept) return Status(ErrorCode::kIo, trouble);
    ++result.added;
    result.added_bytes += bytes.size();
  }
  return result;
}

}  // namespace bsgen::runtime
