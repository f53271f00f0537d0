// RawRequest: what a caller hands to Engine::kernel() before anything is planned, as a key. Names what was planned for it last time.
//
// Not used with template_dir: what lies there may change between two calls.
#pragma once

#include <bit>
#include <cstdint>
#include <functional>

#include "bsgen/device.h"
#include "bsgen/layout.h"
#include "bsgen/options.h"
#include "bsgen/problem.h"

namespace bsgen::runtime {

struct RawRequest {
  Hash128 layout;
  Problem problem;
  CompileOptions options;
  Arch arch;
  // Told apart by address: of a device that is gone no kernel is left to be found.
  const Device* device = nullptr;
};

// The same by reference, so that a look into the table copies nothing.
struct RawRequestView {
  const Hash128& layout;
  const Problem& problem;
  const CompileOptions& options;
  const Arch& arch;
  const Device* device;
  RawRequest copy() const { return {layout, problem, options, arch, device}; }
};
inline bool operator==(const RawRequest& a, const RawRequestView& b) {
  return a.layout == b.layout && a.device == b.device && a.arch == b.arch && a.problem == b.problem && a.options == b.options;
}
inline bool operator==(const RawRequest& a, const RawRequest& b) { return a == RawRequestView{b.layout, b.problem, b.options, b.arch, b.device}; }

// The layout's hash is good already; the rest is mixed in by multiplication with an odd constant (Fibonacci hashing).
struct RawRequestHash {
  template <class Request>
  std::uint64_t operator()(const Request& r) const {
    std::uint64_t h = r.layout.low ^ reinterpret_cast<std::uintptr_t>(r.device);
    const auto mix = [&](std::uint64_t value) { h = (std::rotl(h, 23) ^ value) * 0x9e3779b97f4a7c15u; };
    const Problem& p = r.problem;
    mix(static_cast<std::uint64_t>(p.op) | static_cast<std::uint64_t>(p.dtype) << 8 | static_cast<std::uint64_t>(p.activations) << 16 |
        static_cast<std::uint64_t>(p.accumulate) << 24 | (p.out_dtype ? 1 + static_cast<std::uint64_t>(*p.out_dtype) : 0) << 32 |
        static_cast<std::uint64_t>(p.align) << 40);
    if (!p.epilogue.empty()) mix(std::hash<std::string>{}(p.epilogue));
    const CompileOptions& o = r.options;
    mix(static_cast<std::uint64_t>(o.tier) | static_cast<std::uint64_t>(o.assume_finite) << 8 | static_cast<std::uint64_t>(o.batch_invariant) << 9 |
        static_cast<std::uint64_t>(r.arch.number) << 16 | static_cast<std::uint64_t>(r.arch.suffix) << 32);
    mix(static_cast<std::uint64_t>(o.plan_tokens) ^ std::bit_cast<std::uint64_t>(o.compile_budget_ms));
    return h ^ h >> 32;
  }
};

}  // namespace bsgen::runtime
