#include "runtime/bundle/bundle.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "compiler/codegen/templates.h"
#include "compiler/support/hash.h"
#include "compiler/support/made_once.h"
#include "runtime/cache/sha256.h"

namespace bsgen::runtime {
namespace {

std::string_view text(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

std::pair<std::uint64_t, std::uint64_t> order(const BundleItem& item) { return {item.hash_high, item.hash_low}; }

Status damaged(const std::string& path, std::string_view why) {
  return Status(ErrorCode::kCheckFailed, fmt::format("bundle: {}: {}; make it anew with bsgen bundle", path, why));
}

}  // namespace

std::string bundle_builder() {
  static constinit MadeOnce<const std::string> builder;
  if (const std::string* known = builder.there()) return *known;
  Record templates;
  for (const auto& [name, contents] : codegen::embedded_templates()) templates.add(name, contents);
  return builder.keep(std::make_unique<const std::string>(
      fmt::format("bsgen {} with templates {}", BSGEN_VERSION, sha256(templates.bytes()).hex().substr(0, 16))));
}

Expected<std::shared_ptr<const Bundle>> Bundle::open(const std::string& path) {
  const auto io_error = [&](std::string_view what) {
    return Status(ErrorCode::kIo, fmt::format("bundle: {} {}: {}", path, what, std::strerror(errno)));
  };
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return io_error("cannot be opened");
  struct stat facts {};
  const bool known = fstat(file, &facts) == 0;
  const bool regular = known && S_ISREG(facts.st_mode);
  const auto size = known ? static_cast<std::size_t>(facts.st_size) : 0;
  void* address = regular && size >= sizeof(BundleHeader) ? mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0) : MAP_FAILED;
  const Status failed = address == MAP_FAILED && regular && size >= sizeof(BundleHeader) ? io_error("cannot be mapped") : Status();
  close(file);
  BSGEN_TRY(failed);
  if (!regular) return Status(ErrorCode::kIo, fmt::format("bundle: {} is not a regular file", path));
  if (address == MAP_FAILED) return damaged(path, fmt::format("{} bytes are less than any bundle has", size));

  std::shared_ptr<Bundle> bundle(new Bundle);
  bundle->path_ = path;
  bundle->bytes_ = {static_cast<const std::byte*>(address), size};
  BSGEN_TRY(bundle->check_layout());
  BSGEN_TRY(bundle->read_manifest());
  return std::shared_ptr<const Bundle>(std::move(bundle));
}

Bundle::~Bundle() {
  if (!bytes_.empty()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

// Every offset that find() and load() follow is inside the file.
Status Bundle::check_layout() {
  header_ = reinterpret_cast<const BundleHeader*>(bytes_.data());
  const BundleHeader& h = *header_;
  if (std::memcmp(h.magic, kBundleMagic, sizeof kBundleMagic) != 0) return damaged(path_, "it does not begin like a bundle");
  if (h.format != kBundleFormat)
    return Status(ErrorCode::kMissing, fmt::format("bundle: {} has format {}, this bsgen reads format {}; make it anew with bsgen bundle", path_, h.format,
                                                   kBundleFormat));
  if (h.file_bytes != bytes_.size()) return damaged(path_, fmt::format("it has {} bytes and was made with {}", bytes_.size(), h.file_bytes));
  if (h.payload_offset < sizeof h || h.payload_offset > bytes_.size()) return damaged(path_, "its header does not fit its length");
  const std::span<const std::byte> covered = bytes_.subspan(sizeof h, h.payload_offset - sizeof h);
  const Digest digest = sha256(std::string(text(bytes_.first(offsetof(BundleHeader, digest)))) + std::string(text(covered)));
  if (std::memcmp(digest.view().data(), h.digest.data(), h.digest.size()) != 0) return damaged(path_, "its SHA-256 does not match");

  // From here on only a writer with a bug can fail.
  const auto inside = [](std::uint64_t offset, std::uint64_t count, std::uint64_t begin, std::uint64_t end) {
    return offset >= begin && offset <= end && count <= end - offset;
  };
  const bool fits = h.items <= bytes_.size() / sizeof(BundleItem) && h.index_offset % alignof(BundleItem) == 0 &&
                    inside(h.index_offset, h.items * sizeof(BundleItem), sizeof h, h.payload_offset) &&
                    inside(h.manifest_offset, h.manifest_bytes, sizeof h, h.payload_offset);
  if (!fits) return damaged(path_, "its header does not fit its length");
  items_ = {reinterpret_cast<const BundleItem*>(bytes_.data() + h.index_offset), h.items};
  for (const BundleItem& item : items_)
    if (!inside(item.request_offset, std::uint64_t{item.request_bytes} + item.line_bytes, sizeof h, h.payload_offset) ||
        item.entry_bytes < sizeof(Digest) || item.plan_bytes > bytes_.size() || item.entry_bytes > bytes_.size() ||
        !inside(item.payload_offset, item.plan_bytes + item.entry_bytes, h.payload_offset, bytes_.size()))
      return damaged(path_, "an item reaches past its end");
  return {};
}

Status Bundle::read_manifest() {
  const auto manifest = Record::parse(text(bytes_.subspan(header_->manifest_offset, header_->manifest_bytes)));
  const std::string* builder = manifest ? manifest->find("builder") : nullptr;
  if (!builder) return damaged(path_, "its manifest does not parse");
  if (*builder != bundle_builder())
    return Status(ErrorCode::kMissing,
                  fmt::format("bundle: {} was made by {}, this is {}; make it anew with bsgen bundle", path_, *builder, bundle_builder()));
  for (const auto& [label, value] : manifest->fields())
    if (label == "arch") {
      BSGEN_ASSIGN(const Arch arch, Arch::parse(value));
      architectures_.push_back(arch);
    }
  return {};
}

std::optional<std::size_t> Bundle::find(std::string_view request_bytes) const {
  const Hash128 hash = hash_text(request_bytes);
  const std::pair wanted{hash.high, hash.low};
  auto item = std::lower_bound(items_.begin(), items_.end(), wanted, [](const BundleItem& i, const auto& key) { return order(i) < key; });
  for (; item != items_.end() && order(*item) == wanted; ++item)
    if (text(bytes_.subspan(item->request_offset, item->request_bytes)) == request_bytes) return static_cast<std::size_t>(item - items_.begin());
  return std::nullopt;
}

std::string_view Bundle::line(std::size_t place) const {
  const BundleItem& item = items_[place];
  return text(bytes_.subspan(item.request_offset + item.request_bytes, item.line_bytes));
}

Expected<BundledKernel> Bundle::load(std::size_t place) const {
  const BundleItem& item = items_[place];
  const std::string_view plan_text = text(bytes_.subspan(item.payload_offset, item.plan_bytes));
  const std::string_view entry_bytes = text(bytes_.subspan(item.payload_offset + item.plan_bytes, item.entry_bytes));
  const auto wrong = [&](std::string_view why) { return damaged(path_, fmt::format("the kernel of \"{}\": {}", line(place), why)); };
  const Digest digest = sha256(std::string(plan_text) + std::string(entry_bytes.substr(entry_bytes.size() - sizeof(Digest))));
  if (std::memcmp(digest.view().data(), item.digest.data(), item.digest.size()) != 0) return wrong("its SHA-256 does not match");
  EntryReading reading = read_entry(entry_bytes);
  if (reading.state != EntryState::kSound) return wrong(reading.why);
  auto plan = plan::KernelPlan::parse(plan_text);
  if (!plan) return wrong(plan.status().message());
  return BundledKernel{*std::move(plan), std::move(reading.entry)};
}

std::string Bundle::digest() const {
  std::string hex;
  for (const std::byte b : header_->digest) hex += fmt::format("{:02x}", static_cast<unsigned>(b));
  return hex;
}

}  // namespace bsgen::runtime
