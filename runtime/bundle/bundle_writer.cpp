#include "runtime/bundle/bundle_writer.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <tuple>

#include "compiler/support/hash.h"
#include "runtime/bundle/format.h"
#include "runtime/cache/record.h"
#include "runtime/cache/sha256.h"

namespace bsgen::runtime {
namespace {

template <class T>
std::string_view raw(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

void put_digest(std::array<std::byte, 32>& to, const Digest& digest) { std::memcpy(to.data(), digest.view().data(), to.size()); }

std::string manifest(const std::vector<BundleKernelText>& kernels) {
  std::set<std::string> architectures;
  for (const BundleKernelText& kernel : kernels) architectures.insert(kernel.arch.name());
  Record record;
  record.add("builder", bundle_builder());
  for (const std::string& arch : architectures) record.add("arch", arch);
  return record.bytes();
}

}  // namespace

std::string write_bundle(std::vector<BundleKernelText> kernels) {
  const auto hash_order = [](const BundleKernelText& kernel) {
    const Hash128 hash = hash_text(kernel.request);
    return std::tuple(hash.high, hash.low, kernel.request);
  };
  std::vector<std::size_t> sorted(kernels.size());
  for (std::size_t i = 0; i < sorted.size(); ++i) sorted[i] = i;
  std::sort(sorted.begin(), sorted.end(),
            [&](std::size_t a, std::size_t b) { return std::tuple_cat(hash_order(kernels[a]), std::tuple(a)) < std::tuple_cat(hash_order(kernels[b]), std::tuple(b)); });
  sorted.erase(std::unique(sorted.begin(), sorted.end(), [&](std::size_t a, std::size_t b) { return kernels[a].request == kernels[b].request; }), sorted.end());

  // Everything before the payloads, which the header's digest covers: index, manifest, requests.
  BundleHeader header{};
  std::memcpy(header.magic, kBundleMagic, sizeof kBundleMagic);
  header.format = kBundleFormat;
  header.items = sorted.size();
  header.index_offset = sizeof header;
  const std::string about = manifest(kernels);
  header.manifest_offset = header.index_offset + sorted.size() * sizeof(BundleItem);
  header.manifest_bytes = about.size();
  std::string requests, payloads;
  std::vector<BundleItem> items;
  const std::uint64_t requests_offset = header.manifest_offset + header.manifest_bytes;
  for (const std::size_t i : sorted) {
    const BundleKernelText& kernel = kernels[i];
    const Hash128 hash = hash_text(kernel.request);
    BundleItem item{};
    item.hash_high = hash.high;
    item.hash_low = hash.low;
    item.request_offset = requests_offset + requests.size();
    item.request_bytes = static_cast<std::uint32_t>(kernel.request.size());
    item.line_bytes = static_cast<std::uint32_t>(kernel.line.size());
    item.payload_offset = payloads.size();
    item.plan_bytes = kernel.plan.size();
    item.entry_bytes = kernel.entry.size();
    put_digest(item.digest, sha256(kernel.plan + kernel.entry.substr(kernel.entry.size() - sizeof(Digest))));
    items.push_back(item);
    requests += kernel.request + kernel.line;
    payloads += kernel.plan + kernel.entry;
  }
  header.payload_offset = requests_offset + requests.size();
  header.file_bytes = header.payload_offset + payloads.size();
  std::string covered;
  for (BundleItem& item : items) {
    item.payload_offset += header.payload_offset;
    covered += raw(item);
  }
  covered += about + requests;
  put_digest(header.digest, sha256(std::string(raw(header).substr(0, offsetof(BundleHeader, digest))) + covered));
  return std::string(raw(header)) + covered + payloads;
}

}  // namespace bsgen::runtime
