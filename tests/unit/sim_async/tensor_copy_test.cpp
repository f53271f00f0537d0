// Copies of boxes through tensor maps, in both directions, against a walk over elements that knows nothing of rows.
#include <fmt/format.h>

#include <cstring>
#include <numeric>

#include "tests/support/catch.h"
#include "tests/unit/sim_async/tensor_kernel.h"

namespace bsgen::sim::test {
namespace {

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
  const TensorRun run = load_tensor(t, {.coordinates = at, .offset = offset, .bytes = box_bytes(t.config)}, timing);
  REQUIRE(run.launched.status.ok());
  const bool nan = t.config.fill == TensorFill::kNan;
  CHECK(run.launched.report.diagnostics.size() == (nan ? 1 : 0));
  if (nan) {
    CHECK(run.launched.report.diagnostics[0].severity == Severity::kWarning);
    CHECK(run.launched.report.diagnostics[0].message ==
          "sim: cta (0, 0) thread 0 fills what lies outside the tensor with the NaN 0x7ff7, a pattern that public programs report and NVIDIA does not document (ptx line 46, kernel k)");
  }
  std::vector<std::uint8_t> want = untouched();
  const auto size = static_cast<std::size_t>(element_bytes(t.config.type));
  each_element(t, at, offset, [&](std::uint32_t shared, std::int64_t where) {
    for (std::size_t i = 0; i < size; ++i)
      want[shared + i] = where >= 0 ? t.data[static_cast<std::size_t>(where) + i] : !nan ? 0 : i % 2 == 0 ? 0xf7 : 0x7f;
  });
  REQUIRE(run.shared == want);
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
      {T::kF16, {70, 20}, {64, 16}, S::k128BAtom32B, {{0, 0}, {8, 5}, {-3, -2}}},
      {T::kF32, {70, 20}, {32, 16}, S::k128BAtom64B, {{0, 0}, {8, 5}, {-3, -2}}},
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
