#include "runtime/sim/exec/memory_ops.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "runtime/sim/check/global_checks.h"
#include "runtime/sim/exec/access.h"
#include "runtime/sim/exec/cluster_ops.h"
#include "runtime/sim/exec/shared_footprint.h"
#include "runtime/sim/exec/special_ops.h"

namespace bsgen::sim {
namespace {

using ptx::Space;

const std::uint32_t* data_registers(const Warp& warp, const Op& op) { return warp.cta->launch->program->extra.data() + op.extra; }

// Memory -> registers for the lanes of the piece. kExtended: the register is wider than the element, or the sign is extended.
template <class Bits, bool kExtended>
void load_elements(Warp& warp, const Op& op, const Piece& piece, const LaneAddresses& addresses) {
  using Signed = std::make_signed_t<Bits>;
  const std::uint32_t* registers = data_registers(warp, op);
  for (int i = 0; i < op.count; ++i) {
    std::byte* to = warp.registers + registers[i];
    const std::byte* from = piece.host + static_cast<std::size_t>(i) * sizeof(Bits);
    const auto load = [&](int lane) {
      Bits value;
      std::memcpy(&value, from + (addresses.of[lane] - piece.base), sizeof value);
      if constexpr (!kExtended) {
        reinterpret_cast<std::conditional_t<sizeof(Bits) == 8, std::uint64_t, std::uint32_t>*>(to)[lane] = value;
      } else {
        const std::uint64_t wide = op.flags & kSigned ? static_cast<std::uint64_t>(static_cast<Signed>(value)) : value;
        if (op.flags & kWideRegisters)
          reinterpret_cast<std::uint64_t*>(to)[lane] = wide;
        else
          reinterpret_cast<std::uint32_t*>(to)[lane] = static_cast<std::uint32_t>(wide);
      }
    };
    if (piece.mask == kFullMask)
      for (int lane = 0; lane < kLanes; ++lane) load(lane);
    else
      for (std::uint32_t rest = piece.mask; rest != 0; rest &= rest - 1) load(std::countr_zero(rest));
  }
}
template <class Bits>
void load_piece_as(Warp& warp, const Op& op, const Piece& piece, const LaneAddresses& addresses) {
  const bool wide = (op.flags & kWideRegisters) != 0;
  if (wide == (sizeof(Bits) == 8) && !(op.flags & kSigned))
    load_elements<Bits, false>(warp, op, piece, addresses);
  else
    load_elements<Bits, true>(warp, op, piece, addresses);
}
void load_piece(Warp& warp, const Op& op, const Piece& piece, const LaneAddresses& addresses) {
  switch (op.element_bytes) {
    case 1: return load_piece_as<std::uint8_t>(warp, op, piece, addresses);
    case 2: return load_piece_as<std::uint16_t>(warp, op, piece, addresses);
    case 4: return load_piece_as<std::uint32_t>(warp, op, piece, addresses);
    default: return load_piece_as<std::uint64_t>(warp, op, piece, addresses);
  }
}

// Registers are little-endian, as the device's memory is.
template <int kElement>
void store_elements(Warp& warp, const Op& op, const Piece& piece, const LaneAddresses& addresses) {
  const std::uint32_t* registers = data_registers(warp, op);
  const int stride = op.flags & kWideRegisters ? 8 : 4;
  for (int i = 0; i < op.count; ++i) {
    const std::byte* from = warp.registers + registers[i];
    std::byte* to = piece.host + static_cast<std::size_t>(i) * kElement;
    if (piece.mask == kFullMask)
      for (int lane = 0; lane < kLanes; ++lane) std::memcpy(to + (addresses.of[lane] - piece.base), from + lane * stride, kElement);
    else
      for (std::uint32_t rest = piece.mask; rest != 0; rest &= rest - 1)
        std::memcpy(to + (addresses.of[std::countr_zero(rest)] - piece.base), from + std::countr_zero(rest) * stride, kElement);
  }
}
void store_piece(Warp& warp, const Op& op, const Piece& piece, const LaneAddresses& addresses) {
  switch (op.element_bytes) {
    case 1: store_elements<1>(warp, op, piece, addresses); break;
    case 2: store_elements<2>(warp, op, piece, addresses); break;
    case 4: store_elements<4>(warp, op, piece, addresses); break;
    default: store_elements<8>(warp, op, piece, addresses); break;
  }
  if (piece.valid == nullptr) return;
  const std::uint32_t bytes = static_cast<std::uint32_t>(op.element_bytes) * op.count;
  for (std::uint32_t rest = piece.mask; rest != 0; rest &= rest - 1) {
    std::uint8_t* valid = piece.valid + (addresses.of[std::countr_zero(rest)] - piece.base);
    switch (bytes) {  // a constant size needs no call
      case 4: std::memset(valid, 0xff, 4); break;
      case 8: std::memset(valid, 0xff, 8); break;
      case 16: std::memset(valid, 0xff, 16); break;
      default: std::memset(valid, 0xff, bytes);
    }
  }
}

// Whether memory holds something else than the lanes have stored there.
template <int kElement>
bool differs(const Warp& warp, const Op& op, const Piece& piece, const LaneAddresses& addresses) {
  const std::uint32_t* registers = data_registers(warp, op);
  const int stride = op.flags & kWideRegisters ? 8 : 4;
  std::uint64_t unlike = 0;
  for (int i = 0; i < op.count; ++i)
    for (std::uint32_t rest = piece.mask; rest != 0; rest &= rest - 1) {
      const int lane = std::countr_zero(rest);
      std::uint64_t stored = 0, there = 0;
      std::memcpy(&stored, warp.registers + registers[i] + lane * stride, kElement);
      std::memcpy(&there, piece.host + (addresses.of[lane] - piece.base) + i * kElement, kElement);
      unlike |= stored ^ there;
    }
  return unlike != 0;
}

// Lanes of one instruction that write the same bytes: which of them performs the final write is undefined (CUDA C++ Programming Guide, "SIMT
// Architecture"), so they must agree. Asked of memory afterwards.
void check_lanes_agree(Warp& warp, const Op& op, const Piece& piece, const LaneAddresses& addresses, std::string_view kind) {
  if (!warp.cta->launch->checks || warp.strong_clock != 0) return;
  const auto bytes = static_cast<std::uint32_t>(op.element_bytes) * op.count;
  std::uint64_t together = 0;
  for (int lane = 1; lane < kLanes; ++lane) together |= addresses.of[lane] - addresses.of[lane - 1] - bytes;  // the sign bit
  if (piece.mask == kFullMask && together >> 63 == 0) [[likely]] return;  // each behind the one before
  const bool unlike = op.element_bytes == 4   ? differs<4>(warp, op, piece, addresses)
                      : op.element_bytes == 8 ? differs<8>(warp, op, piece, addresses)
                      : op.element_bytes == 2 ? differs<2>(warp, op, piece, addresses)
                                              : differs<1>(warp, op, piece, addresses);
  if (!unlike) [[likely]] return;
  const std::uint32_t* registers = data_registers(warp, op);
  const int stride = op.flags & kWideRegisters ? 8 : 4;
  for (std::uint32_t rest = piece.mask; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    const std::byte* at = piece.host + (addresses.of[lane] - piece.base);
    bool stays = true;
    for (int i = 0; i < op.count && stays; ++i) stays = std::memcmp(at + i * op.element_bytes, warp.registers + registers[i] + lane * stride, op.element_bytes) == 0;
    if (stays) [[likely]] continue;
    int other = lane;
    for (std::uint32_t others = piece.mask; others != 0; others &= others - 1)
      if (const int i = std::countr_zero(others); i != lane && addresses.of[i] - addresses.of[lane] + bytes - 1 < 2 * bytes - 1) other = i;
    return report(warp, op, Severity::kError, kind, lane, [&] {
      const std::string where = piece.allocation == nullptr ? fmt::format("shared offset {}", addresses.of[lane]) : fmt::format("byte {} of {}", addresses.of[lane] - piece.base, piece.allocation->noun());
      return fmt::format("writes {} bytes at {}, where thread {} writes another value with the same instruction", bytes, where, warp.index * kLanes + other);
    });
  }
}

// What a load that was refused gives.
void zero_registers(Warp& warp, const Op& op, std::uint32_t mask) {
  const std::uint32_t* registers = data_registers(warp, op);
  for (int i = 0; i < op.count; ++i)
    for (std::uint32_t rest = mask; rest != 0; rest &= rest - 1) {
      const int lane = std::countr_zero(rest);
      if (op.flags & kWideRegisters)
        warp.reg64(registers[i])[lane] = 0;
      else
        warp.reg32(registers[i])[lane] = 0;
    }
}

std::uint32_t access_bytes(const Op& op) { return static_cast<std::uint32_t>(op.element_bytes) * op.count; }

void load_global_lanes(Warp& warp, const Op& op, const LaneAddresses& addresses, std::uint32_t mask, bool count) {
  const std::uint32_t bytes = access_bytes(op);
  std::uint32_t good = 0;
  for (std::uint32_t rest = mask; rest != 0;) {
    const Piece piece = next_global_piece(warp, op, addresses, bytes, Access::kRead, rest);
    if (piece.mask == 0) continue;
    check_valid(warp, op, piece, addresses, bytes, "global");
    check_global(warp, op, piece, addresses, bytes, op.flags & kReadOnly ? GlobalAccess::kReadOnlyLoad : GlobalAccess::kLoad);
    load_piece(warp, op, piece, addresses);
    good |= piece.mask;
  }
  if (good != mask) zero_registers(warp, op, mask & ~good);
  if (!count) return;
  OpCounts& counts = counts_of(warp, op);
  counts.requested_bytes += static_cast<std::uint64_t>(std::popcount(good)) * bytes;
  counts.global_read_bytes += sector_bytes(addresses, good);
}
void count_and_check(Warp& warp, const Op& op, const LaneAddresses& offsets, std::uint32_t bytes, Access access, std::uint32_t mask) {
  if (!warp.cta->launch->checks) return count_shared(warp, op, offsets, bytes, mask);
  Footprint touched;
  count_shared(warp, op, offsets, bytes, mask, touched);
  check_shared_footprint(warp, op, offsets, bytes, access, touched);
}
void load_shared_lanes(Warp& warp, const Op& op, LaneAddresses& addresses, std::uint32_t mask) {
  const std::uint32_t bytes = access_bytes(op);
  const Piece piece = shared_piece(warp, op, addresses, bytes, Access::kRead, mask);
  if (piece.mask != mask) zero_registers(warp, op, mask & ~piece.mask);
  if (piece.mask == 0) return;
  count_and_check(warp, op, addresses, bytes, Access::kRead, piece.mask);
  load_piece(warp, op, piece, addresses);
}

// A thread's local memory and a kernel's parameters are small blocks addressed from 0; the lanes see their own block each.
void load_local_lanes(Warp& warp, const Op& op, LaneAddresses& addresses, std::uint32_t mask);
void store_local_lanes(Warp& warp, const Op& op, LaneAddresses& addresses, std::uint32_t mask);

// Turns addresses inside [0, size) of the thread's own frame into offsets in the cta's local memory.
std::uint32_t local_mask(Warp& warp, const Op& op, LaneAddresses& addresses, Access access, std::uint32_t mask) {
  const std::uint64_t size = warp.cta->launch->program->local_bytes;
  const std::uint32_t bytes = access_bytes(op);
  std::uint32_t good = 0;
  for (std::uint32_t rest = mask; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    const std::uint64_t offset = addresses.of[lane];
    const std::string_view what = access == Access::kRead ? "reads" : "writes";
    if (offset > size || size - offset < bytes) {
      report(warp, op, Severity::kError, "out_of_bounds", lane, [&] {
        return fmt::format("{} {} bytes at local offset {}, the thread has {}", what, bytes, static_cast<std::int64_t>(offset), size);
      });
      continue;
    }
    if (offset & (bytes - 1)) {
      report(warp, op, Severity::kError, "misaligned", lane, [&] { return fmt::format("{} {} bytes at local offset {}, not a multiple of {}", what, bytes, offset, bytes); });
      continue;
    }
    addresses.of[lane] = offset + size * static_cast<std::uint64_t>(warp.index * kLanes + lane);
    good |= std::uint32_t{1} << lane;
  }
  return good;
}
void load_local_lanes(Warp& warp, const Op& op, LaneAddresses& addresses, std::uint32_t mask) {
  Cta& cta = *warp.cta;
  const Piece piece{local_mask(warp, op, addresses, Access::kRead, mask), 0, cta.local.data(), cta.launch->checks ? cta.local_valid.data() : nullptr, nullptr};
  if (piece.mask != mask) zero_registers(warp, op, mask & ~piece.mask);
  check_valid(warp, op, piece, addresses, access_bytes(op), "local");
  load_piece(warp, op, piece, addresses);
}
void store_local_lanes(Warp& warp, const Op& op, LaneAddresses& addresses, std::uint32_t mask) {
  Cta& cta = *warp.cta;
  store_piece(warp, op, {local_mask(warp, op, addresses, Access::kWrite, mask), 0, cta.local.data(), cta.launch->checks ? cta.local_valid.data() : nullptr, nullptr}, addresses);
}

void load_parameter_lanes(Warp& warp, const Op& op, const LaneAddresses& addresses, std::uint32_t mask) {
  const std::vector<std::byte>& parameters = warp.cta->launch->parameters;
  const std::uint32_t bytes = access_bytes(op);
  std::uint32_t good = 0;
  for (std::uint32_t rest = mask; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    const std::uint64_t offset = addresses.of[lane];
    if (offset > parameters.size() || parameters.size() - offset < bytes) {
      report(warp, op, Severity::kError, "out_of_bounds", lane, [&] { return fmt::format("reads {} bytes at byte {} of {} bytes of parameters", bytes, static_cast<std::int64_t>(offset), parameters.size()); });
    } else {
      good |= std::uint32_t{1} << lane;
    }
  }
  if (good != mask) zero_registers(warp, op, mask & ~good);
  load_piece(warp, op, {good, 0, const_cast<std::byte*>(parameters.data()), nullptr, nullptr}, addresses);
}

void load_global(Warp& warp, const Op& op) {
  LaneAddresses addresses;
  gather_addresses(warp, op, addresses);
  load_global_lanes(warp, op, addresses, warp.mask, true);
}
void load_const(Warp& warp, const Op& op) {
  LaneAddresses addresses;
  gather_addresses(warp, op, addresses);
  load_global_lanes(warp, op, addresses, warp.mask, false);  // constant memory has a cache of its own
}
void load_shared(Warp& warp, const Op& op) {
  LaneAddresses addresses;
  gather_addresses(warp, op, addresses);
  load_shared_lanes(warp, op, addresses, warp.mask);
}
void load_local(Warp& warp, const Op& op) {
  LaneAddresses addresses;
  gather_addresses(warp, op, addresses);
  load_local_lanes(warp, op, addresses, warp.mask);
}
void load_parameter(Warp& warp, const Op& op) {
  LaneAddresses addresses;
  gather_addresses(warp, op, addresses);
  load_parameter_lanes(warp, op, addresses, warp.mask);
}

void store_global_lanes(Warp& warp, const Op& op, const LaneAddresses& addresses, std::uint32_t mask) {
  const std::uint32_t bytes = access_bytes(op);
  std::uint32_t good = 0;
  for (std::uint32_t rest = mask; rest != 0;) {
    const Piece piece = next_global_piece(warp, op, addresses, bytes, Access::kWrite, rest);
    if (piece.mask == 0) continue;
    check_global(warp, op, piece, addresses, bytes, GlobalAccess::kStore);
    store_piece(warp, op, piece, addresses);
    check_lanes_agree(warp, op, piece, addresses, "global_race");
    good |= piece.mask;
  }
  OpCounts& counts = counts_of(warp, op);
  counts.requested_bytes += static_cast<std::uint64_t>(std::popcount(good)) * bytes;
  counts.global_write_bytes += sector_bytes(addresses, good);
}
void store_shared_lanes(Warp& warp, const Op& op, LaneAddresses& addresses, std::uint32_t mask) {
  const std::uint32_t bytes = access_bytes(op);
  const Piece piece = shared_piece(warp, op, addresses, bytes, Access::kWrite, mask);
  if (piece.mask == 0) return;
  count_and_check(warp, op, addresses, bytes, Access::kWrite, piece.mask);
  store_piece(warp, op, piece, addresses);
  check_lanes_agree(warp, op, piece, addresses, "shared_race");
}
void store_global(Warp& warp, const Op& op) {
  LaneAddresses addresses;
  gather_addresses(warp, op, addresses);
  store_global_lanes(warp, op, addresses, warp.mask);
}
void store_shared(Warp& warp, const Op& op) {
  LaneAddresses addresses;
  gather_addresses(warp, op, addresses);
  store_shared_lanes(warp, op, addresses, warp.mask);
}
void store_local(Warp& warp, const Op& op) {
  LaneAddresses addresses;
  gather_addresses(warp, op, addresses);
  store_local_lanes(warp, op, addresses, warp.mask);
}

// Generic addresses: each lane goes to the space whose window its address lies in.
std::uint32_t take_window(LaneAddresses& addresses, std::uint64_t window, std::uint32_t mask, LaneAddresses& inside) {
  std::uint32_t taken = 0;
  for (std::uint32_t rest = mask; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    if (addresses.of[lane] - window >= kWindowBytes) continue;
    inside.of[lane] = addresses.of[lane] - window;
    taken |= std::uint32_t{1} << lane;
  }
  return taken;
}
// In a cluster a generic address may be another cta's.
void in_cluster(Warp& warp, const Op& op, std::uint32_t lanes, Handler handler) {
  const std::uint32_t mask = std::exchange(warp.mask, lanes);
  handler(warp, op);
  warp.mask = mask;
}
void load_generic(Warp& warp, const Op& op) {
  LaneAddresses addresses, inside;
  gather_addresses(warp, op, addresses);
  inside = addresses;
  std::uint32_t rest = warp.mask;
  if (const std::uint32_t shared = take_window(addresses, kSharedWindow, rest, inside)) {
    if (warp.cta->worker->ctas.size() > 1)
      in_cluster(warp, op, shared, &load_cluster);
    else
      load_shared_lanes(warp, op, inside, shared);
    rest &= ~shared;
  }
  if (const std::uint32_t local = take_window(addresses, kLocalWindow, rest, inside)) load_local_lanes(warp, op, inside, local), rest &= ~local;
  if (const std::uint32_t param = take_window(addresses, kParamWindow, rest, inside)) load_parameter_lanes(warp, op, inside, param), rest &= ~param;
  if (rest != 0) load_global_lanes(warp, op, addresses, rest, true);
}
void store_generic(Warp& warp, const Op& op) {
  LaneAddresses addresses, inside;
  gather_addresses(warp, op, addresses);
  inside = addresses;
  std::uint32_t rest = warp.mask;
  if (const std::uint32_t shared = take_window(addresses, kSharedWindow, rest, inside)) {
    if (warp.cta->worker->ctas.size() > 1)
      in_cluster(warp, op, shared, &store_cluster);
    else
      store_shared_lanes(warp, op, inside, shared);
    rest &= ~shared;
  }
  if (const std::uint32_t local = take_window(addresses, kLocalWindow, rest, inside)) store_local_lanes(warp, op, inside, local), rest &= ~local;
  if (rest != 0) store_global_lanes(warp, op, addresses, rest);
}

}  // namespace

Handler load_handler(Space space) {
  switch (space) {
    case Space::kGlobal: return &load_global;
    case Space::kShared: return &load_shared;
    case Space::kConst: return &load_const;
    case Space::kLocal: return &load_local;
    case Space::kParam: return &load_parameter;
    case Space::kGeneric: return &load_generic;
  }
  return nullptr;
}
Handler store_handler(Space space) {
  switch (space) {
    case Space::kGlobal: return &store_global;
    case Space::kShared: return &store_shared;
    case Space::kLocal: return &store_local;
    case Space::kGeneric: return &store_generic;
    default: return nullptr;
  }
}

void no_operation(Warp&, const Op&) {}
void set_zero64(Warp& warp, const Op& op) {
  for (int lane = 0; lane < kLanes; ++lane)
    if (warp.mask >> lane & 1) warp.reg64(op.slot[0])[lane] = 0;
}

}  // namespace bsgen::sim
