// A bundle's lookup: the bytes of a request made and found among ten thousand. (Its kernel is checked when it is loaded, once.)
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "runtime/bundle/bundle.h"
#include "runtime/bundle/bundle_writer.h"
#include "runtime/bundle/request.h"
#include "runtime/cache/sha256.h"
#include "tools/bench/figures.h"
#include "tools/bench/samples.h"

namespace bsgen::bench {
namespace {

constexpr int kRequests = 10000;

runtime::BundleRequest request_of(std::uint64_t n) { return {{n, n * 0x9e3779b97f4a7c15u}, {}, {}, {.number = 90}}; }

// The bundle stays mapped when its file is gone.
Expected<std::shared_ptr<const runtime::Bundle>> make_bundle() {
  std::vector<runtime::BundleKernelText> kernels;
  for (int n = 0; n < kRequests; ++n) {
    BSGEN_ASSIGN(std::string request, runtime::request_bytes(request_of(static_cast<std::uint64_t>(n))));
    kernels.push_back({std::move(request), "", {.number = 90}, "", std::string(sizeof(runtime::Digest), '\0')});
  }
  const std::string bytes = runtime::write_bundle(std::move(kernels));
  std::string path = (std::filesystem::temp_directory_path() / "bsgen-bench-XXXXXX").string();
  const int file = mkstemp(path.data());
  if (file < 0) return Status(ErrorCode::kIo, "bench: no file can be made for a bundle: " + path);
  close(file);
  std::ofstream(path, std::ios::binary) << bytes;
  auto bundle = runtime::Bundle::open(path);
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  return bundle;
}

}  // namespace

std::vector<Figure> bundle_lookup(const SuiteOptions&) {
  const std::string area = "bundle", what = "lookup among 10,000 requests", asked = "at most 2 us";
  const auto bundle = make_bundle();
  if (!bundle) return {not_measured(area, what, asked, bundle.status().message())};
  std::uint64_t n = 0;
  bool missed = false;
  const Timed timed = time_batches_ns(31, kRequests, [&] {
    n = (n + 7919) % kRequests;  // one after the other, never neighbours
    const auto request = runtime::request_bytes(request_of(n));
    missed = missed || !request || !(*bundle)->find(*request);
  });
  if (missed) return {not_measured(area, what, asked, "bench: a request of the bundle was not found")};
  const Samples& samples = timed.quoted();
  return {{area, what, asked, spread(samples, "ns"), samples.median() <= 2000 ? Verdict::kOk : Verdict::kMissed,
           fmt::format("31 batches of {}, the request made into bytes each time; one thread{}", kRequests, timed.note("ns")),
           {{"median_ns", samples.median()}, {"p10_ns", samples.p10()}, {"p90_ns", samples.p90()}}}};
}

}  // namespace bsgen::bench
