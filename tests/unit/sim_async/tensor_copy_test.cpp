// Copies of boxes through tensor maps, in both directions, against a walk over elements that knows nothing of rows.
#include <fmt/format.h>

#include <cstring>
#include <numeric>

#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

constexpr std::uint32_t kWords = 4096;  // of shared memory that a kernel shows

// The map, then `out` of the kernel below.
std::vector<std::uint64_t> parameters(const TensorMap& map, std::uint64_t out) {
  std::vector<std::uint64_t> made(17);
  std::memcpy(made.data(), map.bytes, sizeof map.bytes);
  made[16] = out;
  return made;
}
std::string coordinates(const std::vector<std::int32_t>& at, std::string& names) {
  std::string text;
  for (std::size_t i = 0; i < at.size(); ++i) {
    text += fmt::format("mov.b32 %r{}, {};\n", 10 + i, at[i]);
    names += fmt::format("{}%r{}", i == 0 ? "" : ", ", 10 + i);
  }
  return text;
}
constexpr const char* kParameters = ".param .align 64 .b8 map[128], .param .u64 out";
constexpr const char* kShared = ".shared .align 1024 .b8 buffer[16384];\n.shared .align 8 .b8 bar[8];";
constexpr const char* kStart = "mov.u32 %r1, %tid.x;\nld.param.u64 %rd2, [out];\nmov.u32 %r2, buffer;\nmov.u32 %r3, bar;\nmov.b64 %rd3, map;\ncvta.param.u64 %rd4, %rd3;\n";
// Every word of the buffer goes to `out`.
constexpr const char* kShow =
    "S:\nshl.b32 %r20, %r1, 2;\nadd.s32 %r21, %r2, %r20;\nld.shared.u32 %r22, [%r21];\ncvt.u64.u32 %rd5, %r20;\nadd.s64 %rd6, %rd2, %rd5;\n"
    "st.global.u32 [%rd6], %r22;\nadd.s32 %r1, %r1, 32;\nsetp.lt.u32 %p3, %r1, 4096;\n@%p3 bra S;\n";
constexpr const char* kFill = "mov.u32 %r19, %r1;\nF:\nshl.b32 %r20, %r19, 2;\nadd.s32 %r21, %r2, %r20;\nxor.b32 %r22, %r19, 0x5a5a0000;\nst.shared.u32 [%r21], %r22;\nadd.s32 %r19, %r19, 32;\nsetp.lt.u32 %p3, %r19, 4096;\n@%p3 bra F;\n";

struct Tensor {
  TensorMapConfig config;
  std::vector<std::uint8_t> data;  // as it lies in memory, from config.address on
};
// Dimensions with strides that leave gaps; data that differs everywhere.
Tensor make_tensor(TensorType type, const std::vector<std::uint64_t>& dims, const std::vector<std::uint32_t>& box, TensorSwizzle swizzle) {
  Tensor made;
  TensorMapConfig& c = made.config;
  c.type = type;
  c.rank = static_cast<int>(dims.size());
  c.swizzle = swizzle;
  std::uint64_t stride = dims[0] * static_cast<std::uint64_t>(element_bytes(type));
  for (std::size_t d = 0; d < dims.size(); ++d) {
    c.dims[d] = dims[d];
    c.box[d] = box[d];
    if (d == 0) continue;
    stride = (stride + 15) / 16 * 16 + 16;
    c.strides[d - 1] = stride;
    stride *= dims[d];
  }
  made.data.resize(stride + 64);
  for (std::size_t i = 0; i < made.data.size(); ++i) made.data[i] = static_cast<std::uint8_t>(i * 167 + i / 251 + 1);
  return made;
}

// Where byte `at` of the dense box lies, by the picture in the PTX ISA: 16-byte chunks of a 128-byte line change places with the line.
std::uint32_t place(std::uint32_t at, TensorSwizzle swizzle) {
  const std::uint32_t line = at / 128, chunk = at / 16 % 8;
  const std::uint32_t moved = swizzle == TensorSwizzle::k128B ? chunk ^ (line % 8) : swizzle == TensorSwizzle::k64B ? chunk ^ (line % 4) : swizzle == TensorSwizzle::k32B ? chunk ^ (line % 2) : chunk;
  return line * 128 + moved * 16 + at % 16;
}
// Visits each element of the box: its byte in shared memory and in the tensor's data (-1 outside).
template <class Visit>
void each_element(const Tensor& t, const std::vector<std::int32_t>& at, std::uint32_t offset, Visit visit) {
  const TensorMapConfig& c = t.config;
  const auto size = static_cast<std::uint32_t>(element_bytes(c.type));
  std::uint32_t index[5] = {}, dense = 0;
  for (;;) {
    std::int64_t where = 0;
    for (int d = 0; d < c.rank; ++d) {
      const std::int64_t x = at[static_cast<std::size_t>(d)] + std::int64_t{index[d]} * (d == 0 ? 1 : c.element_strides[d]);
      if (x < 0 || x >= static_cast<std::int64_t>(c.dims[d])) where = -(std::int64_t{1} << 60);
      where += x * static_cast<std::int64_t>(d == 0 ? size : c.strides[d - 1]);
    }
    visit(place(offset + dense, c.swizzle), where < 0 ? -1 : where);
    dense += size;
    int d = 0;
    for (; d < c.rank; ++d) {
      const std::uint32_t extent = d == 0 ? c.box[0] : (c.box[d] + c.element_strides[d] - 1) / c.element_strides[d];
      if (++index[d] < extent) break;
      index[d] = 0;
    }
    if (d == c.rank) return;
  }
}
std::uint32_t box_bytes(const TensorMapConfig& c) {
  std::uint32_t bytes = c.box[0] * static_cast<std::uint32_t>(element_bytes(c.type));
  for (int d = 1; d < c.rank; ++d) bytes *= (c.box[d] + c.element_strides[d] - 1) / c.element_strides[d];
  return bytes;
}

void check_load(Tensor t, const std::vector<std::int32_t>& at, std::uint32_t offset, Timing timing) {
  auto sim = device("sm_90", timing, 1);
  const auto memory = *sim->allocate(t.data.size()), out = *sim->allocate(kWords * 4);
  REQUIRE(sim->copy_in(memory.address(), std::as_bytes(std::span(t.data))).ok());
  t.config.address = memory.address();
  const auto map = sim->encode_tensor_map(t.config);
  INFO(map.status().message());
  REQUIRE(map.ok());
  std::string names;
  const std::string set = coordinates(at, names);
  const std::string body = fmt::format(
      "{}{}setp.ne.u32 %p1, %r1, 0;\nfence.proxy.async.shared::cta;\nbar.sync 0;\n@%p1 bra W;\n"
      "mbarrier.init.shared::cta.b64 [%r3], 1;\nfence.mbarrier_init.release.cluster;\nmbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%r3], {};\n{}"
      "cp.async.bulk.tensor.{}d.shared::cluster.global.mbarrier::complete_tx::bytes [%r2+{}], [%rd4, {{{}}}], [%r3];\n"
      "W:\nbar.sync 0;\nL:\nmbarrier.try_wait.parity.acquire.cta.shared::cta.b64 %p2, [%r3], 0;\n@!%p2 bra L;\n{}",
      kStart, kFill, box_bytes(t.config), set, t.config.rank, offset, names, kShow);
  const Launched launched = launch(*sim, kernel_text(body, kParameters, 90, kShared), {.threads = 32}, parameters(*map, out.address()));
  INFO(launched.status.message());
  REQUIRE(launched.status.ok());
  CHECK(launched.report.diagnostics.empty());
  std::vector<std::uint8_t> got(kWords * 4), want(kWords * 4);
  REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(got)), out.address()).ok());
  for (std::uint32_t i = 0; i < kWords; ++i) {
    const std::uint32_t word = i ^ 0x5a5a0000;
    std::memcpy(want.data() + 4 * i, &word, 4);
  }
  const auto size = static_cast<std::size_t>(element_bytes(t.config.type));
  each_element(t, at, offset, [&](std::uint32_t shared, std::int64_t where) {
    std::vector<std::uint8_t> outside(size, t.config.fill == TensorFill::kNan ? 0xff : 0);
    if (t.config.fill == TensorFill::kNan) outside.back() = 0x7f;
    std::memcpy(want.data() + shared, where < 0 ? outside.data() : t.data.data() + where, size);
  });
  REQUIRE(got == want);
}

TEST_CASE("tensor_copies_of_every_rank_and_swizzle_bring_each_element_to_its_place_and_fill_what_is_outside") {
  using T = TensorType;
  using S = TensorSwizzle;
  struct Shape {
    T type;
    std::vector<std::uint64_t> dims;
    std::vector<std::uint32_t> box;
    S swizzle;
    std::vector<std::vector<std::int32_t>> at;
  };
  const std::vector<Shape> shapes = {
      {T::kU8, {300}, {48}, S::kNone, {{0}, {17}, {-5}, {290}, {400}}},
      {T::kBf16, {70, 20}, {64, 16}, S::k128B, {{0, 0}, {8, 5}, {-3, -2}, {40, 12}, {80, 0}}},
      {T::kF16, {70, 20}, {32, 24}, S::k64B, {{0, 0}, {-7, 3}, {64, 19}}},
      {T::kBf16, {70, 20}, {16, 20}, S::k32B, {{0, 0}, {5, -1}}},
      {T::kF32, {40, 9, 5}, {32, 4, 3}, S::k128B, {{0, 0, 0}, {20, 7, 3}, {-1, -1, -1}}},
      {T::kF64, {12, 5, 4, 3}, {8, 2, 3, 2}, S::k64B, {{0, 0, 0, 0}, {6, 4, 2, -1}}},
      {T::kU16, {33, 4, 3, 3, 2}, {24, 3, 2, 2, 2}, S::kNone, {{0, 0, 0, 0, 0}, {20, -1, 2, 1, 1}}},
      {T::kS32, {64, 3, 2, 2, 2}, {8, 2, 2, 2, 2}, S::k32B, {{3, 1, 1, 0, 1}}},
  };
  for (const Shape& shape : shapes)
    for (const auto& at : shape.at)
      for (const Timing timing : {Timing::kEarly, Timing::kLate})
        for (const std::uint32_t offset : {0u, 384u}) {
          INFO("rank " << shape.dims.size() << " swizzle " << static_cast<int>(shape.swizzle) << " at " << at[0] << " offset " << offset);
          check_load(make_tensor(shape.type, shape.dims, shape.box, shape.swizzle), at, offset, timing);
        }
}

TEST_CASE("elements_outside_a_tensor_are_nan_where_the_map_asks_for_it") {
  for (const TensorType type : {TensorType::kF16, TensorType::kBf16, TensorType::kF32, TensorType::kF64}) {
    Tensor t = make_tensor(type, {24, 6}, {16, 4}, TensorSwizzle::kNone);
    t.config.fill = TensorFill::kNan;
    check_load(t, {-4, 4}, 0, Timing::kEarly);
  }
}

TEST_CASE("element_strides_skip_elements_of_the_tensor_and_none_of_shared_memory") {
  Tensor t = make_tensor(TensorType::kF32, {24, 20, 6}, {16, 9, 5}, TensorSwizzle::k64B);
  t.config.element_strides[1] = 2;
  t.config.element_strides[2] = 3;
  check_load(t, {4, 3, 1}, 0, Timing::kLate);
}

TEST_CASE("tensor_stores_write_what_is_inside_and_clip_the_rest") {
  for (const auto& [swizzle, width] : {std::pair(TensorSwizzle::kNone, 40u), std::pair(TensorSwizzle::k128B, 64u), std::pair(TensorSwizzle::k64B, 32u), std::pair(TensorSwizzle::k32B, 16u)})
    for (const std::vector<std::int32_t>& at : {std::vector<std::int32_t>{0, 0}, {24, 10}, {-8, -3}})
      for (const Timing timing : {Timing::kEarly, Timing::kLate}) {
        Tensor t = make_tensor(TensorType::kBf16, {72, 20}, {width, 12}, swizzle);
        auto sim = device("sm_90", timing, 1);
        const auto memory = *sim->allocate(t.data.size()), out = *sim->allocate(kWords * 4);
        REQUIRE(sim->copy_in(memory.address(), std::as_bytes(std::span(t.data))).ok());
        t.config.address = memory.address();
        std::string names;
        const std::string set = coordinates(at, names);
        const std::string body = fmt::format(
            "{}{}fence.proxy.async.shared::cta;\nbar.sync 0;\nsetp.ne.u32 %p1, %r1, 0;\n@%p1 bra E;\n{}cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%rd4, {{{}}}], [%r2];\n"
            "cp.async.bulk.commit_group;\ncp.async.bulk.wait_group.read 0;\nE:\n", kStart, kFill, set, names);
        const Launched launched = launch(*sim, kernel_text(body, kParameters, 90, kShared), {.threads = 32}, parameters(*sim->encode_tensor_map(t.config), out.address()));
        INFO(launched.status.message());
        REQUIRE(launched.status.ok());
        std::vector<std::uint8_t> got(t.data.size()), want = t.data;
        REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(got)), memory.address()).ok());
        each_element(t, at, 0, [&](std::uint32_t shared, std::int64_t where) {
          for (std::uint32_t i = 0; i < 2; ++i) {
            const std::uint32_t word = (shared + i) / 4 ^ 0x5a5a0000;
            if (where >= 0) want[static_cast<std::size_t>(where) + i] = static_cast<std::uint8_t>(word >> 8 * ((shared + i) % 4));
          }
        });
        CHECK(got == want);
      }
}

}  // namespace
}  // namespace bsgen::sim::test
