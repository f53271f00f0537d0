#include "runtime/sim/exec/special_ops.h"

#include <array>
#include <bit>

#include "runtime/sim/exec/warp.h"

namespace bsgen::sim {
namespace {

enum Special : std::int64_t {
  kTid, kTidY, kTidZ, kNtid, kNtidY, kNtidZ, kCtaid, kCtaidY, kCtaidZ, kNctaid, kNctaidY, kNctaidZ, kLane, kWarpIndex, kNumWarps,
  kLanemaskEq, kLanemaskLt, kLanemaskLe, kLanemaskGt, kLanemaskGe, kClock, kDynamicShared, kTotalShared, kZero, kOne,
  kClusterRank, kClusterSize, kClusterId, kClusterIdY, kClusterIdZ, kNumClusters, kNumClustersY, kNumClustersZ,
  kClusterCta, kClusterCtaY, kClusterCtaZ, kClusterDim, kClusterDimY, kClusterDimZ, kIsExplicitCluster,
};
struct Name {
  std::string_view text;
  Special which;
};
// The SM is always number 0, clocks count warp instructions.
constexpr std::array<Name, 49> kNames = {{
    {"%tid.x", kTid}, {"%tid.y", kTidY}, {"%tid.z", kTidZ}, {"%ntid.x", kNtid}, {"%ntid.y", kNtidY}, {"%ntid.z", kNtidZ},
    {"%ctaid.x", kCtaid}, {"%ctaid.y", kCtaidY}, {"%ctaid.z", kCtaidZ}, {"%nctaid.x", kNctaid}, {"%nctaid.y", kNctaidY},
    {"%nctaid.z", kNctaidZ}, {"%laneid", kLane}, {"%warpid", kWarpIndex}, {"%nwarpid", kNumWarps}, {"%lanemask_eq", kLanemaskEq},
    {"%lanemask_lt", kLanemaskLt}, {"%lanemask_le", kLanemaskLe}, {"%lanemask_gt", kLanemaskGt}, {"%lanemask_ge", kLanemaskGe},
    {"%clock", kClock}, {"%clock64", kClock}, {"%clock_hi", kZero}, {"%globaltimer", kClock}, {"%globaltimer_lo", kClock}, {"%globaltimer_hi", kZero}, {"%aggr_smem_size", kTotalShared}, {"%dynamic_smem_size", kDynamicShared},
    {"%total_smem_size", kTotalShared}, {"%smid", kZero}, {"%nsmid", kOne}, {"%gridid", kZero}, {"%cluster_ctarank", kClusterRank},
    {"%cluster_nctarank", kClusterSize}, {"%clusterid.x", kClusterId}, {"%clusterid.y", kClusterIdY}, {"%clusterid.z", kClusterIdZ},
    {"%nclusterid.x", kNumClusters}, {"%nclusterid.y", kNumClustersY}, {"%nclusterid.z", kNumClustersZ}, {"%cluster_ctaid.x", kClusterCta},
    {"%cluster_ctaid.y", kClusterCtaY}, {"%cluster_ctaid.z", kClusterCtaZ}, {"%cluster_nctaid.x", kClusterDim}, {"%cluster_nctaid.y", kClusterDimY},
    {"%cluster_nctaid.z", kClusterDimZ}, {"%is_explicit_cluster", kIsExplicitCluster}, {"%current_graph_exec", kZero},
}};

std::uint64_t special_value(const Warp& warp, Special which, int lane) {
  const Cta& cta = *warp.cta;
  const LaunchConfig& config = cta.launch->config;
  const std::uint32_t bit = std::uint32_t{1} << lane;
  switch (which) {
    case kTid: return static_cast<std::uint64_t>(warp.index * kLanes + lane);
    case kNtid: return config.threads;
    case kNtidY:
    case kNtidZ:
    case kOne: return 1;
    case kCtaid: return cta.index[0];
    case kCtaidY: return cta.index[1];
    case kCtaidZ: return cta.index[2];
    case kNctaid: return config.grid_x;
    case kNctaidY: return config.grid_y;
    case kNctaidZ: return config.grid_z;
    case kLane: return static_cast<std::uint64_t>(lane);
    case kWarpIndex: return static_cast<std::uint64_t>(warp.index);
    case kNumWarps: return cta.warps.size();
    case kLanemaskEq: return bit;
    case kLanemaskLt: return bit - 1;
    case kLanemaskLe: return bit | (bit - 1);
    case kLanemaskGt: return ~(bit | (bit - 1));
    case kLanemaskGe: return ~(bit - 1);
    case kClock: return cta.worker->instructions;
    case kDynamicShared: return config.shared_bytes;
    case kClusterRank: return static_cast<std::uint64_t>(cta.rank);
    case kClusterSize: return cta.launch->cluster_ctas();
    case kClusterId:
    case kClusterIdY:
    case kClusterIdZ: return cta.index[which - kClusterId] / cta.launch->cluster[which - kClusterId];
    case kNumClusters: return config.grid_x / cta.launch->cluster[0];
    case kNumClustersY: return config.grid_y / cta.launch->cluster[1];
    case kNumClustersZ: return config.grid_z / cta.launch->cluster[2];
    case kClusterCta:
    case kClusterCtaY:
    case kClusterCtaZ: return cta.index[which - kClusterCta] % cta.launch->cluster[which - kClusterCta];
    case kClusterDim:
    case kClusterDimY:
    case kClusterDimZ: return cta.launch->cluster[which - kClusterDim];
    case kIsExplicitCluster: return cta.launch->cluster_ctas() > 1;
    case kTotalShared: return cta.launch->shared_bytes;
    default: return 0;
  }
}

void special(Warp& warp, const Op& op) {
  const auto which = static_cast<Special>(op.immediate);
  for (int lane = 0; lane < kLanes; ++lane) {
    if (!(warp.mask >> lane & 1)) continue;
    const std::uint64_t value = special_value(warp, which, lane);
    if (op.flags & 2) {
      std::uint32_t& predicate = warp.predicate(op.slot[0]);
      predicate = (predicate & ~(1u << lane)) | static_cast<std::uint32_t>(value) << lane;
    } else if (op.flags & 1)
      warp.reg64(op.slot[0])[lane] = value;
    else
      warp.reg32(op.slot[0])[lane] = static_cast<std::uint32_t>(value);
  }
}

}  // namespace

Handler special_handler(std::string_view name, std::int64_t& which) {
  for (const Name& row : kNames)
    if (row.text == name) {
      which = row.which;
      return &special;
    }
  return nullptr;
}

void pack_vector(Warp& warp, const Op& op) {
  const std::uint32_t* parts = warp.cta->launch->program->extra.data() + op.extra;
  const int bits = op.element_bytes * 8;
  for (int lane = 0; lane < kLanes; ++lane) {
    if (!(warp.mask >> lane & 1)) continue;
    std::uint64_t whole = 0;
    for (int i = 0; i < op.count; ++i)
      whole |= (std::uint64_t{warp.reg32(parts[i])[lane]} & ((std::uint64_t{1} << bits) - 1)) << (bits * i);
    if (op.flags & 1)
      warp.reg64(op.slot[0])[lane] = whole;
    else
      warp.reg32(op.slot[0])[lane] = static_cast<std::uint32_t>(whole);
  }
}

void unpack_vector(Warp& warp, const Op& op) {
  const std::uint32_t* parts = warp.cta->launch->program->extra.data() + op.extra;
  const int bits = op.element_bytes * 8;
  for (int lane = 0; lane < kLanes; ++lane) {
    if (!(warp.mask >> lane & 1)) continue;
    const std::uint64_t whole = op.flags & 1 ? warp.reg64(op.slot[0])[lane] : warp.reg32(op.slot[0])[lane];
    for (int i = 0; i < op.count; ++i)
      warp.reg32(parts[i])[lane] = static_cast<std::uint32_t>((whole >> (bits * i)) & ((std::uint64_t{1} << bits) - 1));
  }
}

void add_immediate64(Warp& warp, const Op& op) {
  const std::uint64_t* a = warp.reg64(op.slot[1]);
  std::uint64_t* d = warp.reg64(op.slot[0]);
  for (int lane = 0; lane < kLanes; ++lane)
    if (warp.mask >> lane & 1) d[lane] = a[lane] + static_cast<std::uint64_t>(op.immediate);
}

void set_from_comparison(Warp& warp, const Op& op) {
  Op comparison = op;
  comparison.slot[0] = op.slot[5];
  reinterpret_cast<Handler>(const_cast<void*>(op.function))(warp, comparison);
  const std::uint32_t truth = warp.predicate(op.slot[5]);
  for (int lane = 0; lane < kLanes; ++lane)
    if (warp.mask >> lane & 1) warp.reg32(op.slot[0])[lane] = truth >> lane & 1 ? static_cast<std::uint32_t>(op.immediate) : 0;
}

void move_128_bits(Warp& warp, const Op& op) {
  const std::uint32_t* const to = warp.cta->launch->program->extra.data() + op.extra;
  const std::uint32_t* const from = to + (op.flags & kToWords ? 4 : 2);
  for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    std::uint64_t half[2];  // read before anything is written: they may change places
    for (int i = 0; i < 2; ++i)
      half[i] = op.flags & kFromWords ? warp.reg32(from[2 * i])[lane] | std::uint64_t{warp.reg32(from[2 * i + 1])[lane]} << 32 : warp.reg64(from[i])[lane];
    for (int i = 0; i < 2; ++i) {
      if (op.flags & kToWords) {
        warp.reg32(to[2 * i])[lane] = static_cast<std::uint32_t>(half[i]);
        warp.reg32(to[2 * i + 1])[lane] = static_cast<std::uint32_t>(half[i] >> 32);
      } else {
        warp.reg64(to[i])[lane] = half[i];
      }
    }
  }
}

}  // namespace bsgen::sim
