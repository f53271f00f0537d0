#include "compiler/layout/zip_archive.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>

#include "compiler/layout/scanner.h"

namespace bsgen::layout {
namespace {

constexpr std::uint64_t kEndRecord = 22, kDirectoryRecord = 46, kLocalRecord = 30;  // without variable parts
constexpr std::uint32_t kEndMagic = 0x06054b50, kDirectoryMagic = 0x02014b50, kLocalMagic = 0x04034b50;

// Little-endian fields at checked positions; callers check the ranges.
std::uint32_t field(std::span<const std::byte> bytes, std::uint64_t at, int width) {
  std::uint32_t value = 0;
  for (int n = width; n-- > 0;) value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + n]);
  return value;
}
std::uint32_t u16(std::span<const std::byte> bytes, std::uint64_t at) { return field(bytes, at, 2); }
std::uint32_t u32(std::span<const std::byte> bytes, std::uint64_t at) { return field(bytes, at, 4); }

Status zip_error(std::string_view name, std::string_view what) {
  return Status(ErrorCode::kInvalidArgument, fmt::format("mask: {}: zip: {}", name, what));
}

// One inflation; the stream is released whatever happens.
class Inflater {
 public:
  Inflater() { ready_ = inflateInit2(&stream_, -MAX_WBITS) == Z_OK; }
  ~Inflater() {
    if (ready_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Fills `out`; the number of bytes that came.
  std::size_t run(std::span<const std::byte> in, std::span<std::byte> out) {
    if (!ready_) return 0;
    std::size_t taken = 0, made = 0;
    int result = Z_OK;
    while (result == Z_OK && made < out.size()) {
      constexpr std::size_t kStep = std::size_t{1} << 30;  // zlib counts in 32 bits
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(in.data() + taken));
      stream_.avail_in = static_cast<uInt>(std::min(kStep, in.size() - taken));
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + made);
      stream_.avail_out = static_cast<uInt>(std::min(kStep, out.size() - made));
      const std::size_t in_before = stream_.avail_in, out_before = stream_.avail_out;
      result = inflate(&stream_, Z_NO_FLUSH);
      taken += in_before - stream_.avail_in;
      made += out_before - stream_.avail_out;
    }
    return made;
  }

 private:
  z_stream stream_{};
  bool ready_ = false;
};

}  // namespace

Expected<ZipArchive> ZipArchive::open(std::string_view name, std::span<const std::byte> bytes) {
  ZipArchive archive;
  archive.name_ = name;
  archive.file_bytes_ = bytes.size();
  // The end record is the file's last, before a comment of at most 64 KiB.
  if (bytes.size() < kEndRecord) return zip_error(name, fmt::format("{} bytes are too few for an archive", bytes.size()));
  const std::uint64_t lowest = bytes.size() - std::min<std::uint64_t>(bytes.size(), kEndRecord + 65535);
  std::uint64_t end = bytes.size() - kEndRecord;
  while (u32(bytes, end) != kEndMagic) {
    if (end == lowest) return zip_error(name, "no end record; the file is cut off or no .npz");
    --end;
  }
  const std::uint32_t count = u16(bytes, end + 10);
  const std::uint64_t directory_bytes = u32(bytes, end + 12), directory = u32(bytes, end + 16);
  if (directory > end || directory_bytes > end - directory)
    return zip_error(name, fmt::format("the directory of {} bytes at offset {} runs past its end at {}", directory_bytes,
                                       directory, end));
  std::uint64_t at = directory;
  for (std::uint32_t n = 0; n < count; ++n) {
    if (end - at < kDirectoryRecord || u32(bytes, at) != kDirectoryMagic)
      return zip_error(name, fmt::format("directory entry {} of {} is missing at offset {}", n, count, at));
    const std::uint32_t flags = u16(bytes, at + 8), method = u16(bytes, at + 10);
    const std::uint64_t stored_bytes = u32(bytes, at + 20), local = u32(bytes, at + 42);
    const std::uint64_t name_bytes = u16(bytes, at + 28);
    const std::uint64_t record = kDirectoryRecord + name_bytes + u16(bytes, at + 30) + u16(bytes, at + 32);
    if (record > end - at) return zip_error(name, fmt::format("directory entry {} at offset {} is cut off", n, at));
    ZipMember member;
    member.name.assign(reinterpret_cast<const char*>(bytes.data() + at + kDirectoryRecord), name_bytes);
    member.deflated = method == 8;
    member.crc = u32(bytes, at + 16);
    member.bytes = u32(bytes, at + 24);
    at += record;

    const auto member_error = [&](std::string_view what) {
      return zip_error(name, fmt::format("member {}: {}", excerpt(member.name), what));
    };
    if ((flags & 1) != 0) return member_error("is encrypted");
    if (method != 0 && method != 8) return member_error(fmt::format("compression method {}, stored and deflate are read", method));
    if (stored_bytes == 0xffffffff || member.bytes == 0xffffffff || local == 0xffffffff)
      return member_error("is over 4 GiB (zip64); use larger blocks or a .smtx file");
    if (local > directory || directory - local < kLocalRecord || u32(bytes, local) != kLocalMagic)
      return member_error(fmt::format("has no header at offset {}", local));
    const std::uint64_t data = local + kLocalRecord + u16(bytes, local + 26) + u16(bytes, local + 28);
    if (data > directory || stored_bytes > directory - data)
      return member_error(fmt::format("{} bytes at offset {} run past the data's end at {}", stored_bytes, data, directory));
    if (!member.deflated && stored_bytes != member.bytes)
      return member_error(fmt::format("is stored in {} bytes but says {}", stored_bytes, member.bytes));
    member.stored = bytes.subspan(data, stored_bytes);
    archive.members_.push_back(std::move(member));
  }
  return archive;
}

const ZipMember* ZipArchive::find(std::string_view member) const {
  for (const ZipMember& m : members_)
    if (m.name == member) return &m;
  return nullptr;
}

Expected<std::vector<std::byte>> ZipArchive::read_prefix(const ZipMember& member, std::uint64_t count) const {
  count = std::min(count, member.bytes);
  if (!member.deflated) {
    const auto part = member.stored.first(count);
    return std::vector<std::byte>(part.begin(), part.end());
  }
  std::vector<std::byte> result(count);
  const std::size_t made = Inflater().run(member.stored, result);
  if (made < count)
    return zip_error(name_, fmt::format("member {}: inflates to {} bytes of {}", excerpt(member.name), made, count));
  return result;
}

Expected<std::vector<std::byte>> ZipArchive::read(const ZipMember& member) const {
  const std::uint64_t limit = std::max<std::uint64_t>(std::uint64_t{256} << 20, 100 * file_bytes_);
  if (member.deflated && member.bytes > limit)
    return zip_error(name_, fmt::format("member {}: {} bytes inflate to {}, the limit is {}; save it uncompressed",
                                        excerpt(member.name), member.stored.size(), member.bytes, limit));
  BSGEN_ASSIGN(auto bytes, read_prefix(member, member.bytes));
  const auto crc = static_cast<std::uint32_t>(
      crc32_z(crc32_z(0, nullptr, 0), reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
  if (crc != member.crc)
    return zip_error(name_, fmt::format("member {}: checksum {:08x}, the directory says {:08x}", excerpt(member.name), crc,
                                        member.crc));
  return bytes;
}

namespace {

void put(std::string& out, std::uint32_t value, int width) {
  for (int n = 0; n < width; ++n) out += static_cast<char>(value >> (8 * n) & 0xff);
}

}  // namespace

void ZipWriter::add(std::string_view name, std::string_view head, std::string_view unit, std::uint64_t repeats) {
  std::uint32_t crc = 0;
  std::uint64_t bytes = 0;
  std::string data;
  z_stream stream{};
  deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  const auto feed = [&](std::string_view part, int flush) {
    // Without bytes crc32_z would begin anew.
    if (!part.empty())
      crc = static_cast<std::uint32_t>(crc32_z(crc, reinterpret_cast<const Bytef*>(part.data()), part.size()));
    bytes += part.size();
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(part.data()));
    stream.avail_in = static_cast<uInt>(part.size());
    char buffer[16384];
    do {
      stream.next_out = reinterpret_cast<Bytef*>(buffer);
      stream.avail_out = sizeof buffer;
      deflate(&stream, flush);
      data.append(buffer, sizeof buffer - stream.avail_out);
    } while (stream.avail_out == 0);
  };
  constexpr std::size_t kPiece = std::size_t{1} << 28;  // zlib counts in 32 bits
  for (std::size_t at = 0; at < head.size(); at += kPiece) feed(head.substr(at, kPiece), Z_NO_FLUSH);
  for (std::uint64_t n = 0; n < repeats; ++n) feed(unit, Z_NO_FLUSH);
  feed({}, Z_FINISH);
  deflateEnd(&stream);

  // Both records share the fields from "version needed" to "extra length". The date is 1 January 1980.
  std::string fields;
  put(fields, 20, 2), put(fields, 0, 2), put(fields, 8, 2), put(fields, 0, 2), put(fields, 0x21, 2);
  put(fields, crc, 4), put(fields, static_cast<std::uint32_t>(data.size()), 4), put(fields, static_cast<std::uint32_t>(bytes), 4);
  put(fields, static_cast<std::uint32_t>(name.size()), 2), put(fields, 0, 2);
  put(directory_, kDirectoryMagic, 4), put(directory_, 20, 2);
  directory_ += fields;
  put(directory_, 0, 2), put(directory_, 0, 2), put(directory_, 0, 2), put(directory_, 0, 4);
  put(directory_, static_cast<std::uint32_t>(out_.size()), 4);
  directory_ += name;
  put(out_, kLocalMagic, 4);
  out_ += fields;
  out_ += name;
  out_ += data;
  ++num_members_;
}

std::string ZipWriter::finish() && {
  const std::uint32_t at = static_cast<std::uint32_t>(out_.size()), bytes = static_cast<std::uint32_t>(directory_.size());
  out_ += directory_;
  put(out_, kEndMagic, 4), put(out_, 0, 4);
  put(out_, num_members_, 2), put(out_, num_members_, 2);
  put(out_, bytes, 4), put(out_, at, 4), put(out_, 0, 2);
  return std::move(out_);
}

}  // namespace bsgen::layout
