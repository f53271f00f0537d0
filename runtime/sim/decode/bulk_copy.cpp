// Copies and stores that complete at an mbarrier or in a group: cp.async.bulk, cp.reduce.async.bulk, st.async, red.async.
#include "runtime/sim/decode/asynchronous.h"
#include "runtime/sim/decode/asynchronous_operands.h"
#include "runtime/sim/exec/bulk_copy_ops.h"
#include "runtime/sim/exec/cluster_ops.h"
#include "runtime/sim/exec/mbarrier_ops.h"

namespace bsgen::sim::decoding {
namespace {

using ptx::Operand;
using ptx::ScalarType;
using ptx::Space;

constexpr BulkReduction kReductions[] = {BulkReduction::kAdd, BulkReduction::kMin, BulkReduction::kMax, BulkReduction::kInc,
                                         BulkReduction::kDec, BulkReduction::kAnd, BulkReduction::kOr, BulkReduction::kXor};
int take_reduction(Decoder& d) {
  const int which = d.take_one_of({"add", "min", "max", "inc", "dec", "and", "or", "xor"});
  if (which < 0) d.fail(fmt::format("unknown operation .{}", d.peek()));
  return which;
}

// What of a tensor is copied: .1d .. .5d, later the load mode.
struct TensorWords {
  int rank = 0;
  std::uint8_t flags = kTensorBox;  // BulkFlags
  std::size_t num_coordinates() const { return flags & kFourRows ? 5 : static_cast<std::size_t>(rank); }
  std::size_t num_offsets() const { return flags & kPixelOffsets ? static_cast<std::size_t>(rank) - 2 : 0; }
};
TensorWords take_dimensions(Decoder& d) {
  TensorWords tensor;
  tensor.rank = 1 + d.take_one_of({"1d", "2d", "3d", "4d", "5d"});
  if (tensor.rank == 0) d.fail(fmt::format("unknown modifier .{}", d.peek()));
  return tensor;
}
void take_mode(Decoder& d, TensorWords& tensor, bool load) {
  if (d.take("tile")) return;
  if (d.take(load ? "tile::gather4" : "tile::scatter4")) {
    d.need_target(100);
    if (tensor.rank != 2) d.fail("copies rows of matrices, which are .2d");
    tensor.flags |= kFourRows;
  } else if (d.take(load ? "im2col" : "im2col_no_offs")) {
    if (tensor.rank < 3) d.fail("im2col needs .3d, .4d or .5d");
    tensor.flags |= load ? kPixels | kPixelOffsets : kPixels;
  } else if (d.peek().starts_with("im2col") || d.peek().starts_with("tile::")) {
    d.fail(fmt::format("load mode .{} is not supported", d.peek()));
  }
}
// [map, {coordinates}], and the operand of im2col's offsets where there are some.
void coordinates(Decoder& d, const Operand& map, const TensorWords& tensor, std::size_t offsets) {
  if (map.kind != Operand::Kind::kAddress || map.elements.size() != 2) return d.fail("expected [map, {coordinates}]");
  d.op().count = static_cast<std::uint8_t>(tensor.num_coordinates());
  d.op().extra = static_cast<std::uint32_t>(d.program().extra.size());
  d.extra(map.elements[1], ScalarType::kB32, tensor.num_coordinates(), false);
  if (tensor.num_offsets() != 0) d.extra(d.operand(offsets), ScalarType::kU16, tensor.num_offsets(), false);
}

// What follows the words: [dst], [src]{, size}, [mbar]{, {offsets}}{, mask}{, policy} for loads. Without tensor its flags are 0.
void load_operands(Decoder& d, const TensorWords& tensor, bool multicast, bool policy) {
  Op& op = d.op();
  op.handler = &bulk_load;
  op.element_bytes = static_cast<std::uint8_t>(tensor.flags | (multicast ? kMulticast : 0));
  const bool boxes = tensor.flags & kTensorBox;
  const std::size_t barrier = boxes ? 2 : 3, mask = barrier + 1 + (tensor.num_offsets() != 0), count = mask + multicast + policy;
  d.want_operands(count, count);
  if (d.failed()) return;
  std::int64_t source, bar;
  if (multicast) d.source(5, d.operand(mask), ScalarType::kU16);
  if (!boxes) d.source(4, d.operand(2), ScalarType::kU32);
  second_address(d, 2, d.operand(1), Space::kGlobal, source);
  if (second_address(d, 3, d.operand(barrier), Space::kShared, bar)) op.element_bytes |= kBarrierAddress64;
  main_address(d, d.operand(0), Space::kShared);
  put_displacements(d, source, bar);
  if (boxes) coordinates(d, d.operand(1), tensor, barrier + 1);
}
// [dst], [src]{, size}{, policy}{, byte mask} for stores; the tensor map is the first operand.
void store_operands(Decoder& d, const TensorWords& tensor, bool policy, bool masked = false) {
  Op& op = d.op();
  op.handler = &bulk_store;
  op.element_bytes = static_cast<std::uint8_t>(tensor.flags | (masked ? kByteMask : 0));
  const bool boxes = tensor.flags & kTensorBox;
  const std::size_t count = (boxes ? 2u : 3u) + policy + masked;
  d.want_operands(count, count);
  if (d.failed()) return;
  std::int64_t target;
  if (masked) d.source(5, d.operand(count - 1), ScalarType::kU16);
  if (!boxes) d.source(4, d.operand(2), ScalarType::kU32);
  second_address(d, 2, d.operand(0), Space::kGlobal, target);
  main_address(d, d.operand(1), Space::kShared);
  put_displacements(d, target, 0);
  if (boxes) coordinates(d, d.operand(0), tensor, 0);
}
// [dst], [src], size, [mbar]: shared::cta -> shared::cluster
void between_operands(Decoder& d) {
  Op& op = d.op();
  op.handler = &bulk_between;
  d.want_operands(4, 4);
  if (d.failed()) return;
  std::int64_t source, bar;
  d.source(4, d.operand(2), ScalarType::kU32);
  if (second_address(d, 2, d.operand(1), Space::kShared, source)) op.element_bytes |= kSourceAddress64;
  if (second_address(d, 3, d.operand(3), Space::kShared, bar)) op.element_bytes |= kBarrierAddress64;
  main_address(d, d.operand(0), Space::kShared);
  put_displacements(d, source, bar);
}

// cp.async.bulk.tensor...
void copy_tensor(Decoder& d) {
  TensorWords tensor = take_dimensions(d);
  if (d.failed()) return;
  const bool load = d.take_one_of({"shared::cluster", "shared::cta"}) >= 0;
  d.require("global");
  if (!load) d.require("shared::cta");
  take_mode(d, tensor, load);
  d.require(load ? "mbarrier::complete_tx::bytes" : "bulk_group");
  if (d.failed()) return;
  if (!load) return store_operands(d, tensor, d.take("L2::cache_hint"));
  const bool multicast = d.take("multicast::cluster");
  if (const int group = d.take_one_of({"cta_group::1", "cta_group::2"}); group >= 0) {
    d.need_target(100);
    if (group == 1) tensor.flags |= kPairBarrier;
  }
  load_operands(d, tensor, multicast, d.take("L2::cache_hint"));
}

// cp.async.bulk.prefetch{.tensor.Nd}.L2...: a hint, whose operands must be right all the same.
void prefetch_bulk(Decoder& d) {
  d.op().handler = &no_operation;
  const bool boxes = d.take("tensor");
  TensorWords tensor;
  if (boxes) tensor = take_dimensions(d);
  d.require("L2");
  d.require("global");
  if (d.failed()) return;
  if (boxes) take_mode(d, tensor, true);
  const bool policy = d.take("L2::cache_hint");
  const std::size_t count = boxes ? 1 + (tensor.num_offsets() != 0) : 2;
  d.want_operands(count + policy, count + policy);
  if (d.failed()) return;
  std::int64_t unused;
  second_address(d, 2, d.operand(0), Space::kGlobal, unused);
  if (boxes)
    coordinates(d, d.operand(0), tensor, 1);
  else
    d.source(4, d.operand(1), ScalarType::kU32);
}

constexpr TensorWords kNoTensor = {0, 0};

}  // namespace

void copy_bulk(Decoder& d) {
  d.need_target(90);
  d.program().uses_async = true;
  Op& op = d.op();
  if (d.take("commit_group")) {
    op.handler = &bulk_commit;
    return d.want_operands(0, 0);
  }
  if (d.take("wait_group")) {
    op.handler = &bulk_wait;
    op.flags = d.take("read");
    d.want_operands(1, 1);
    if (!d.failed()) op.immediate = d.integer(d.operand(0), 0, 1 << 20);
    return;
  }
  if (d.take("tensor")) return copy_tensor(d);
  if (d.take("prefetch")) return prefetch_bulk(d);
  if (d.take_one_of({"shared::cluster", "shared::cta"}) >= 0) {
    const bool from_shared = d.take("shared::cta");
    if (!from_shared) d.require("global");
    d.require("mbarrier::complete_tx::bytes");
    if (from_shared) return between_operands(d);
    const bool multicast = d.take("multicast::cluster");
    return load_operands(d, kNoTensor, multicast, d.take("L2::cache_hint"));
  }
  d.require("global");
  d.require("shared::cta");
  d.require("bulk_group");
  const bool policy = d.take("L2::cache_hint"), masked = d.take("cp_mask");
  if (masked) d.need_target(100);
  store_operands(d, kNoTensor, policy, masked);
}

// cp.reduce.async.bulk.dst.src.completion{.hint}.op.type; with .tensor the type is the map's.
void reduce_bulk(Decoder& d) {
  d.need_target(90);
  d.program().uses_async = true;
  d.require("async");
  d.require("bulk");
  Op& op = d.op();
  if (d.take("tensor")) {
    TensorWords tensor = take_dimensions(d);
    d.require("global");
    d.require("shared::cta");
    if (d.failed()) return;
    const int reduction = take_reduction(d);
    if (!d.peek().starts_with("tile::")) take_mode(d, tensor, false);
    d.require("bulk_group");
    if (d.failed()) return;
    d.program().ordered_ctas = true;
    store_operands(d, tensor, d.take("L2::cache_hint"));
    op.member_slot = static_cast<std::uint8_t>(1 + reduction);
    return;
  }
  const bool to_shared = d.take("shared::cluster");
  if (!to_shared) d.require("global");
  d.require("shared::cta");
  d.require(to_shared ? "mbarrier::complete_tx::bytes" : "bulk_group");
  const bool policy = !to_shared && d.take("L2::cache_hint");
  if (d.failed()) return;
  const int reduction = take_reduction(d);
  const bool keeps_subnormals = d.take("noftz");
  const ScalarType type = d.take_type();
  if (d.failed()) return;
  const bool half = type == ScalarType::kF16 || type == ScalarType::kBf16, adds = kReductions[reduction] == BulkReduction::kAdd;
  if (keeps_subnormals != (half && adds)) return d.fail(keeps_subnormals ? ".noftz is for sums of .f16 and .bf16" : "sums of this type need .noftz");
  // Reductions in shared memory know words and sums of .u64.
  const bool exists = !to_shared || (ptx::size_bits(type) == 32 && !ptx::is_float(type)) || (adds && type == ScalarType::kU64);
  op.function = reinterpret_cast<const void*>(reduce_function(kReductions[reduction], type));
  if (op.function == nullptr || !exists) return d.fail("this combination of types does not exist");
  if (to_shared) return between_operands(d);
  d.program().ordered_ctas = true;
  store_operands(d, kNoTensor, policy);
}

namespace {

// [a], b, [mbar]
void async_operands(Decoder& d, ScalarType type, std::size_t count) {
  Op& op = d.op();
  op.handler = &store_async;
  op.element_bytes = static_cast<std::uint8_t>(ptx::size_bytes(type));
  op.count = static_cast<std::uint8_t>(count);
  d.want_operands(3, 3);
  if (d.failed()) return;
  std::int64_t bar;
  op.slot[5] = second_address(d, 3, d.operand(2), Space::kShared, bar);
  main_address(d, d.operand(0), Space::kShared);
  put_displacements(d, 0, bar);
  op.extra = static_cast<std::uint32_t>(d.program().extra.size());
  if (d.extra(d.operand(1), type, count, false, true) == Width::kLong) op.flags |= kWideRegisters;
}
void async_words(Decoder& d) {
  d.need_target(90);
  d.program().uses_async = true;
  d.take("weak");
  if (d.take("relaxed")) take_scope(d);
  take_shared(d);
  d.require("mbarrier::complete_tx::bytes");
}

}  // namespace

void st_async(Decoder& d) {
  async_words(d);
  const std::size_t count = d.take("v2") ? 2 : d.take("v4") ? 4 : 1;
  const ScalarType type = d.take_type_of({ScalarType::kB32, ScalarType::kU32, ScalarType::kS32, ScalarType::kF32, ScalarType::kB64, ScalarType::kU64, ScalarType::kS64, ScalarType::kF64});
  if (d.failed()) return;
  if (count == 4 && ptx::size_bits(type) == 64) return d.fail("a vector of this size does not exist");
  async_operands(d, type, count);
}
void red_async(Decoder& d) {
  async_words(d);
  if (d.failed()) return;
  const int reduction = take_reduction(d);
  const ScalarType type = d.take_type_of({ScalarType::kB32, ScalarType::kU32, ScalarType::kS32, ScalarType::kU64, ScalarType::kS64, ScalarType::kB64});
  if (d.failed()) return;
  d.op().function = reinterpret_cast<const void*>(reduce_function(kReductions[reduction], type));
  if (d.op().function == nullptr) return d.fail("this combination of types does not exist");
  async_operands(d, type, 1);
}

}  // namespace bsgen::sim::decoding
