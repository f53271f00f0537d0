#include "runtime/sim/exec/host_calls.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <string>

#include "runtime/sim/exec/warp.h"

namespace bsgen::sim {
namespace {

std::size_t frame_at(const Warp& warp, const Op& op, int slot, int lane) {
  const std::size_t thread = static_cast<std::size_t>(warp.index) * kLanes + static_cast<std::size_t>(lane);
  return thread * warp.cta->launch->program->local_bytes + static_cast<std::size_t>(warp.reg64(op.slot[slot])[lane]);
}

// The string at a generic address; what is there instead of one, otherwise.
std::string text_at(const Warp& warp, std::uint64_t address) {
  const Allocation* allocation = find(warp.cta->launch->memory, address);
  if (allocation == nullptr || !allocation->contains(address, 1)) return "?";
  const char* begin = reinterpret_cast<const char*>(allocation->data.get()) + (address - allocation->base);
  return std::string(begin, strnlen(begin, std::min<std::size_t>(200, allocation->bytes - (address - allocation->base))));
}

}  // namespace

void host_printf(Warp& warp, const Op& op) {
  for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1) {
    const std::size_t at = frame_at(warp, op, 1, std::countr_zero(rest));
    std::memset(warp.cta->local.data() + at, 0, 4);
    std::memset(warp.cta->local_valid.data() + at, 0xff, 4);
  }
}

void host_assert(Warp& warp, const Op& op) {
  const int lane = std::countr_zero(warp.mask);
  report(warp, op, Severity::kError, "assert", lane, [&] {
    const auto argument = [&](int slot) {
      std::uint64_t value = 0;
      std::memcpy(&value, warp.cta->local.data() + frame_at(warp, op, slot, lane), slot == 3 ? 4 : 8);
      return value;
    };
    return fmt::format("fails the assertion {} in {} ({}:{})", text_at(warp, argument(1)), text_at(warp, argument(4)), text_at(warp, argument(2)), argument(3));
  });
}

void report_stray_call(Warp& warp, const Op& op) {
  const int lane = std::countr_zero(warp.mask);
  report(warp, op, Severity::kError, "call", lane, [&] {
    return fmt::format("calls address {:#x}, which is no function that it can call: candidates are the {} with these parameters whose addresses the kernel takes and which are not being called already",
                       warp.reg64(op.slot[1])[lane], op.immediate);
  });
}

}  // namespace bsgen::sim
