#include "runtime/cache/entry.h"

#include <fmt/format.h>

#include <map>

namespace bsgen::runtime {
namespace {

constexpr std::string_view kMagic = "BSGNKRNL";
constexpr std::size_t kDigestBytes = 32;
constexpr std::size_t kHeaderBytes = 8 + 4 + 8 + 4;

void put_section(std::string& out, std::string_view name, std::string_view bytes) {
  put_text(out, name);
  put_u64(out, bytes.size());
  out += bytes;
}

Record image_facts(const Entry& entry) {
  const KernelImage& image = entry.image;
  Record meta;
  meta.add("arch", image.arch.name());
  meta.add("entry", image.entry);
  meta.add("registers", image.resources.registers);
  meta.add("shared_bytes", image.resources.shared_bytes);
  meta.add("spill_bytes", image.resources.spill_bytes);
  meta.add("local_bytes", image.resources.local_bytes);
  meta.add("code_bytes", image.resources.code_bytes);
  meta.add("nvrtc_ms",
           fmt::format("{}", image.nvrtc_ms));  // shortest text that reads back to the same number
  meta.add("assemble_ms", fmt::format("{}", image.assemble_ms));
  for (const auto& [label, value] : entry.about.fields()) meta.add("about " + label, value);
  return meta;
}

bool restore_facts(const Record& meta, Entry& entry) {
  const std::string* arch = meta.find("arch");
  const std::string* name = meta.find("entry");
  if (!arch || !name) return false;
  const auto parsed = Arch::parse(*arch);
  if (!parsed) return false;
  const auto number = [&](std::string_view label) { return static_cast<int>(meta.number(label)); };
  KernelImage& image = entry.image;
  image.arch = *parsed;
  image.entry = *name;
  image.resources = {number("registers"), number("shared_bytes"), number("spill_bytes"),
                     number("local_bytes"), number("code_bytes")};
  image.nvrtc_ms = meta.real("nvrtc_ms");
  image.assemble_ms = meta.real("assemble_ms");
  for (const auto& [label, value] : meta.fields())
    if (label.starts_with("about ")) entry.about.add(std::string_view(label).substr(6), value);
  return true;
}

}  // namespace

std::string write_entry(const Entry& entry) {
  const std::string key = entry.key.bytes(), meta = image_facts(entry).bytes();
  const std::string_view cubin(reinterpret_cast<const char*>(entry.image.cubin.data()),
                               entry.image.cubin.size());
  std::string body;
  put_section(body, "key", key);
  put_section(body, "meta", meta);
  put_section(body, "ptx", entry.image.ptx);
  put_section(body, "cubin", cubin);
  std::string out(kMagic);
  put_u32(out, kEntryFormat);
  put_u64(out, kHeaderBytes + body.size() + kDigestBytes);
  put_u32(out, 4);
  out += body;
  out += sha256(out).view();
  return out;
}

EntryReading read_entry(std::string_view bytes) {
  const auto damaged = [](std::string why) {
    return EntryReading{EntryState::kDamaged, {}, std::move(why)};
  };
  if (bytes.size() < kMagic.size() + 4 + kDigestBytes)
    return damaged(fmt::format("{} bytes are less than any entry has", bytes.size()));
  if (sha256(bytes.substr(0, bytes.size() - kDigestBytes)).view() !=
      bytes.substr(bytes.size() - kDigestBytes))
    return damaged("its SHA-256 does not match");
  if (!bytes.starts_with(kMagic)) return damaged("it does not begin like an entry");
  std::string_view in = bytes.substr(kMagic.size(), bytes.size() - kMagic.size() - kDigestBytes);
  std::uint32_t format = 0, count = 0;
  take_u32(in, format);
  if (format != kEntryFormat)
    return {EntryState::kOtherFormat,
            {},
            fmt::format("it has format {}, this bsgen reads format {}", format, kEntryFormat)};
  // What follows carries a right digest, so only a writer with a bug can fail it.
  std::uint64_t total = 0;
  if (!take_u64(in, total) || total != bytes.size() || !take_u32(in, count))
    return damaged("its length does not match");
  std::map<std::string_view, std::string_view> sections;
  for (std::uint32_t i = 0; i < count; ++i) {
    std::string_view name;
    std::uint64_t size = 0;
    if (!take_text(in, name) || !take_u64(in, size) || size > in.size())
      return damaged("a section reaches past its end");
    sections[name] = in.substr(0, size);
    in.remove_prefix(size);
  }
  EntryReading reading{EntryState::kSound, {}, {}};
  const auto key = Record::parse(sections["key"]), meta = Record::parse(sections["meta"]);
  if (!in.empty() || !key || !meta || !restore_facts(*meta, reading.entry))
    return damaged("its sections do not parse");
  reading.entry.key = *key;
  reading.entry.image.ptx = sections["ptx"];
  const auto cubin = std::as_bytes(std::span(sections["cubin"].data(), sections["cubin"].size()));
  reading.entry.image.cubin.assign(cubin.begin(), cubin.end());
  return reading;
}

}  // namespace bsgen::runtime
