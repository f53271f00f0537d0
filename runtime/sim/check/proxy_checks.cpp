#include "runtime/sim/check/proxy_checks.h"

#include <fmt/format.h>

namespace bsgen::sim {
namespace {

using Access = ProxyShadow::Access;
using Fault = ProxyShadow::Fault;
using Kind = ProxyShadow::AgentKind;

std::string line_of(const Warp& warp, std::uint32_t op) { return fmt::format("(ptx line {})", warp.cta->launch->program->lines[op].ptx); }

// "warp 3", "warp 3 of cta rank 1", "a wgmma of warp 4", each with the line of its instruction.
std::string who(const Warp& warp, const ProxyShadow::Verdict& verdict) {
  const ProxyShadow& shadow = warp.cta->cluster->shadow;
  const Kind kind = shadow.kind_of(verdict.other);
  const std::string line = line_of(warp, verdict.other_op);
  if (kind == Kind::kBarrier) return fmt::format("the bulk copy {}", line);
  const int cta = shadow.cta_of(verdict.other);
  const std::string where = cta == warp.cta->rank ? std::string() : fmt::format(" of cta rank {}", cta);
  const char* const what = kind == Kind::kWarp ? "" : kind == Kind::kTensor ? "a wgmma of " : kind == Kind::kBulk ? "a bulk copy of " : "a cp.async of ";
  return fmt::format("{}warp {}{} {}", what, shadow.index_of(verdict.other), where, line);
}

void report_fault(Warp& warp, const Op& op, Access access, const ProxyShadow::Verdict& verdict, int rank, std::uint32_t offset, std::uint32_t bytes, int lane,
                  std::string_view verb = {}) {
  const bool writes = access == Access::kWrite || access == Access::kAsyncWrite;
  const bool async = access == Access::kAsyncRead || access == Access::kAsyncWrite;
  const std::string where = rank == warp.cta->rank ? std::string() : fmt::format(" of cta rank {}", rank);
  const std::string what = fmt::format("{} {} bytes at shared offset {}{}{}", !verb.empty() ? verb : writes ? "writes" : "reads", bytes, offset, where, async ? " through the async proxy" : "");
  if (verdict.fault == Fault::kBarrierObject)
    return report(warp, op, Severity::kError, "mbarrier", lane, [&] { return fmt::format("{}, where an mbarrier lives", what); });
  const Kind kind = warp.cta->cluster->shadow.kind_of(verdict.other);
  report(warp, op, Severity::kError, verdict.fault == Fault::kProxy ? "proxy" : "shared_race", lane, [&] {
    const std::string other = who(warp, verdict);
    switch (verdict.fault) {
      case Fault::kProxy: return fmt::format("{}, which {} wrote with no fence.proxy.async in between", what, other);
      case Fault::kWriteAfterRead:
        if (kind == Kind::kWarp) return fmt::format("{}, which {} read with no synchronisation in between", what, other);
        return fmt::format("{}, which {} may still read: nothing orders its wait before this", what, other);
      default:
        if (kind == Kind::kWarp) return fmt::format("{}, which {} wrote with no synchronisation in between", what, other);
        return fmt::format("{}, which {} {}: nothing orders its wait before this", what, other, verdict.in_flight ? "has yet to write" : "wrote");
    }
  });
}

}  // namespace

void check_generic_access(Warp& warp, const Op& op, Access access, int rank, std::uint32_t offset, std::uint32_t bytes, int lane) {
  if (!warp.cta->launch->checks || warp.strong_clock != 0) return;
  ProxyShadow& shadow = warp.cta->cluster->shadow;
  const ProxyShadow::Agent self = agent_of(warp);
  const ProxyShadow::Verdict verdict = shadow.access({access, self, shadow.now(self), self, op.index}, rank, offset, bytes);
  if (verdict.fault != Fault::kNone) [[unlikely]]
    report_fault(warp, op, access, verdict, rank, offset, bytes, lane);
}

void check_generic_atomic(Warp& warp, const Op& op, int rank, std::uint32_t offset, std::uint32_t bytes, int lane) {
  ProxyShadow& shadow = warp.cta->cluster->shadow;
  const ProxyShadow::Agent self = agent_of(warp);
  const ProxyShadow::Verdict verdict = shadow.judge_access({Access::kWrite, self, shadow.now(self), self, op.index}, rank, offset, bytes);
  if (verdict.fault != Fault::kNone) [[unlikely]]
    report_fault(warp, op, Access::kWrite, verdict, rank, offset, bytes, lane, "atomically updates");
}

void check_generic_granule(Warp& warp, const Op& op, Access access, std::uint32_t granule, std::uint16_t bytes, std::uint32_t offset, std::uint32_t size, int lane) {
  if (!warp.cta->launch->checks || warp.strong_clock != 0) return;
  ProxyShadow& shadow = warp.cta->cluster->shadow;
  const ProxyShadow::Agent self = agent_of(warp);
  const ProxyShadow::Verdict verdict = shadow.access_granule({access, self, shadow.now(self), self, op.index}, warp.cta->rank, granule, bytes);
  if (verdict.fault != Fault::kNone) [[unlikely]]
    report_fault(warp, op, access, verdict, warp.cta->rank, offset, size, lane);
}

void check_async_access(Warp& warp, const Op& op, Access access, ProxyShadow::Agent agent, std::uint32_t clock, int rank, std::uint32_t offset,
                        std::uint32_t bytes, int lane) {
  if (!warp.cta->launch->checks) return;
  ProxyShadow& shadow = warp.cta->cluster->shadow;
  const ProxyShadow::Verdict verdict = shadow.access({access, agent, clock, agent_of(warp), op.index}, rank, offset, bytes);
  if (verdict.fault != Fault::kNone) [[unlikely]]
    report_fault(warp, op, access, verdict, rank, offset, bytes, lane);
}

GranuleRun granule_run(const std::uint32_t* granules, int count, int first) {
  std::uint32_t begin = granules[first], end = begin + 1;
  int i = first + 1;
  for (; i < count; ++i) {
    if (granules[i] == end)
      ++end;
    else if (granules[i] + 1 == begin)
      --begin;
    else
      break;
  }
  const std::int64_t offset = std::int64_t{static_cast<std::int32_t>(begin)} * ProxyShadow::kGranule;
  return {i, static_cast<std::uint64_t>(offset), (end - begin) * ProxyShadow::kGranule};
}

void check_async_granules(Warp& warp, const Op& op, ProxyShadow::Agent agent, std::uint32_t clock, const std::uint32_t* granules, int count) {
  ProxyShadow& shadow = warp.cta->cluster->shadow;
  int which = 0;
  const ProxyShadow::Verdict verdict = shadow.access_granules({Access::kAsyncRead, agent, clock, agent_of(warp), op.index}, warp.cta->rank, granules, count, which);
  if (verdict.fault == Fault::kNone) [[likely]] return;
  GranuleRun run = granule_run(granules, count, 0);
  while (run.end <= which) run = granule_run(granules, count, run.end);
  report_fault(warp, op, Access::kAsyncRead, verdict, warp.cta->rank, static_cast<std::uint32_t>(run.offset), run.bytes, kWholeWarp);
}

void check_copy_issue(Warp& warp, const Op& op, std::uint32_t clock, std::uint32_t offset, std::uint32_t bytes, int lane) {
  if (!warp.cta->launch->checks) return;
  ProxyShadow& shadow = warp.cta->cluster->shadow;
  const ProxyShadow::Agent self = agent_of(warp);
  const ProxyShadow::Verdict verdict = shadow.access({Access::kWrite, shadow.of(Kind::kCopy, self), clock, self, op.index}, warp.cta->rank, offset, bytes);
  if (verdict.fault != Fault::kNone) [[unlikely]]
    report_fault(warp, op, Access::kWrite, verdict, warp.cta->rank, offset, bytes, lane);
}

}  // namespace bsgen::sim
