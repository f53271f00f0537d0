// im2col, gathered and scattered rows, multicast through tensor maps and the types that copies change: against walks over elements, with random
// parameters.
#include <random>

#include "tests/unit/sim_async/tensor_kernel.h"

namespace bsgen::sim::test {
namespace {

struct Images {
  Tensor tensor;
  std::vector<std::int32_t> at;
  std::vector<int> offsets;
  std::uint32_t bytes = 0;
};
// Anything that the driver takes and the bounding box allows; strides begin where the box does, as convolutions have it.
Images random_images(std::mt19937& random) {
  const auto pick = [&](int low, int high) { return low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1)); };
  const int rank = pick(3, 5), images = rank - 2;
  const TensorType types[] = {TensorType::kU8, TensorType::kBf16, TensorType::kF32, TensorType::kF64};
  const TensorType type = types[pick(0, 3)];
  const int size = element_bytes(type), chunks = pick(1, 8);
  constexpr TensorSwizzle kSwizzles[] = {TensorSwizzle::kNone, TensorSwizzle::k32B, TensorSwizzle::k64B, TensorSwizzle::k128B};
  std::vector<std::uint64_t> dims = {static_cast<std::uint64_t>(pick(16, 100))};
  for (int d = 0; d < images; ++d) dims.push_back(static_cast<std::uint64_t>(pick(3, 9)));
  dims.push_back(static_cast<std::uint64_t>(pick(1, 3)));
  Images made;
  const TensorSwizzle swizzle = kSwizzles[chunks > 4 ? 3 * pick(0, 1) : pick(chunks > 2 ? 2 : chunks > 1 ? 1 : 0, 3)];
  made.tensor = make_tensor(type, dims, std::vector<std::uint32_t>(dims.size(), 1), swizzle);
  TensorMapConfig& c = made.tensor.config;
  c.im2col = true;
  c.channels_per_pixel = static_cast<std::uint32_t>(16 * chunks / size);
  c.pixels_per_column = static_cast<std::uint32_t>(pick(1, 100));
  made.at.push_back(pick(-3, 40));
  for (int d = 0; d < images; ++d) {
    c.element_strides[d + 1] = static_cast<std::uint32_t>(pick(1, 3));
    c.lower_corner[d] = pick(-2, 1), c.upper_corner[d] = pick(-1, 2);
    const int steps = (static_cast<int>(dims[static_cast<std::size_t>(d) + 1]) - 1 + c.upper_corner[d] - c.lower_corner[d]) / static_cast<int>(c.element_strides[d + 1]);
    made.at.push_back(c.lower_corner[d] + static_cast<int>(c.element_strides[d + 1]) * pick(0, steps));
    made.offsets.push_back(pick(0, 3));
  }
  made.at.push_back(pick(0, 3));
  made.bytes = c.pixels_per_column * c.channels_per_pixel * static_cast<std::uint32_t>(size);
  return made;
}
// Pixel number `i` of the copy: the batch is a list of all positions of the boxes, image by image; the copy is a run of it.
std::vector<std::int64_t> pixel(const Images& images, bool with_offsets, std::int64_t i) {
  const TensorMapConfig& c = images.tensor.config;
  std::int64_t number = 0, per = 1;
  std::vector<std::int64_t> counts;
  for (int d = 0; d < c.rank - 2; ++d) {
    counts.push_back((static_cast<std::int64_t>(c.dims[d + 1]) - 1 + c.upper_corner[d] - c.lower_corner[d]) / c.element_strides[d + 1] + 1);
    number += (images.at[static_cast<std::size_t>(d) + 1] - c.lower_corner[d]) / static_cast<int>(c.element_strides[d + 1]) * per;
    per *= counts.back();
  }
  number += images.at.back() * per + i;
  std::vector<std::int64_t> where = {images.at[0]};
  for (int d = 0; d < c.rank - 2; ++d) {
    const std::int64_t offset = with_offsets ? images.offsets[static_cast<std::size_t>(d)] : 0;
    where.push_back(c.lower_corner[d] + number % counts[static_cast<std::size_t>(d)] * c.element_strides[d + 1] + offset);
    number /= counts[static_cast<std::size_t>(d)];
  }
  where.push_back(number);
  return where;
}
// Visits each byte of each element: where it lies in shared memory and in the tensor's data, -1 outside.
template <class Visit>
void each_byte(const Images& images, bool with_offsets, std::uint32_t offset, Visit visit) {
  const TensorMapConfig& c = images.tensor.config;
  const int size = element_bytes(c.type);
  for (std::uint32_t i = 0; i < c.pixels_per_column; ++i) {
    const std::vector<std::int64_t> at = pixel(images, with_offsets, i);
    for (std::uint32_t channel = 0; channel < c.channels_per_pixel; ++channel)
      for (int byte = 0; byte < size; ++byte, ++offset) {
        std::int64_t where = (at[0] + channel) * size + byte;
        bool inside = at[0] + channel >= 0 && at[0] + channel < static_cast<std::int64_t>(c.dims[0]);
        for (int d = 1; d < c.rank; ++d) {
          inside &= at[static_cast<std::size_t>(d)] >= 0 && at[static_cast<std::size_t>(d)] < static_cast<std::int64_t>(c.dims[d]);
          where += at[static_cast<std::size_t>(d)] * static_cast<std::int64_t>(c.strides[d - 1]);
        }
        visit(place(offset, c.swizzle), inside ? where : -1);
      }
  }
}

TEST_CASE("im2col_copies_bring_the_pixels_of_the_bounding_boxes_in_order") {
  std::mt19937 random(20250);
  for (int trial = 0; trial < 60; ++trial) {
    const Images images = random_images(random);
    const std::uint32_t offset = trial % 3 == 0 ? 256 : 0;
    INFO("trial " << trial << " rank " << images.tensor.config.rank << " swizzle " << static_cast<int>(images.tensor.config.swizzle));
    const TensorRun run = load_tensor(images.tensor, {.coordinates = images.at, .offset = offset, .bytes = images.bytes, .mode = ".im2col", .offsets = images.offsets},
                                      trial % 2 == 0 ? Timing::kEarly : Timing::kLate);
    INFO(run.launched.status.message());
    REQUIRE(run.launched.status.ok());
    CHECK(run.launched.report.diagnostics.empty());
    std::vector<std::uint8_t> want = untouched();
    each_byte(images, true, offset, [&](std::uint32_t shared, std::int64_t where) { want[shared] = where < 0 ? 0 : images.tensor.data[static_cast<std::size_t>(where)]; });
    REQUIRE(run.shared == want);
  }
}

// The example of the PTX ISA's figure 13: 64 pixels of 9 x 14 images, one pixel of padding, from (4, 7) of image 7 on.
TEST_CASE("the_pixels_of_the_ptx_isas_example_are_the_ones_of_its_figure") {
  Images images;
  images.tensor = make_tensor(TensorType::kBf16, {64, 9, 14, 64}, {1, 1, 1, 1}, TensorSwizzle::kNone);
  TensorMapConfig& c = images.tensor.config;
  c.im2col = true, c.channels_per_pixel = 8, c.pixels_per_column = 64;
  std::fill_n(c.lower_corner, 2, -1), std::fill_n(c.upper_corner, 2, -1);
  images.at = {0, 4, 7, 7};
  CHECK(pixel(images, false, 0) == std::vector<std::int64_t>{0, 4, 7, 7});
  CHECK(pixel(images, false, 3) == std::vector<std::int64_t>{0, 7, 7, 7});
  CHECK(pixel(images, false, 4) == std::vector<std::int64_t>{0, -1, 8, 7});
  const TensorRun run = load_tensor(images.tensor, {.coordinates = images.at, .bytes = 1024, .mode = ".im2col", .offsets = {0, 0}}, Timing::kEarly);
  REQUIRE(run.launched.status.ok());
  std::vector<std::uint8_t> want = untouched();
  each_byte(images, false, 0, [&](std::uint32_t shared, std::int64_t where) { want[shared] = where < 0 ? 0 : images.tensor.data[static_cast<std::size_t>(where)]; });
  CHECK(run.shared == want);
}

TEST_CASE("gathered_rows_lie_one_after_the_other") {
  for (const TensorSwizzle swizzle : {TensorSwizzle::kNone, TensorSwizzle::k64B, TensorSwizzle::k128B})
    for (const Timing timing : {Timing::kEarly, Timing::kLate}) {
      const Tensor t = make_tensor(TensorType::kBf16, {40, 12}, {32, 1}, swizzle);
      const std::vector<std::int32_t> at = {12, 7, 0, 12, 3};  // four columns and a row are outside
      const TensorRun run = load_tensor(t, {.coordinates = at, .offset = 128, .bytes = 256, .mode = ".tile::gather4", .rank = 2, .target = 100}, timing);
      INFO(run.launched.status.message());
      REQUIRE(run.launched.status.ok());
      CHECK(run.launched.report.diagnostics.empty());
      std::vector<std::uint8_t> want = untouched();
      for (std::uint32_t row = 0; row < 4; ++row)
        for (std::uint32_t i = 0; i < 64; ++i)
          want[place(128 + 64 * row + i, swizzle)] = i >= 56 || at[row + 1] >= 12 ? 0 : t.data[24 + i + static_cast<std::size_t>(at[row + 1]) * t.config.strides[0]];
      CHECK(run.shared == want);
    }
}

// Shared memory goes to the tensor by `instruction`; `visit` says for each byte of shared memory where in the tensor it goes.
template <class Visit>
void check_store(Tensor t, const std::vector<std::int32_t>& at, const std::string& instruction, int target, Visit visit) {
  for (const Timing timing : {Timing::kEarly, Timing::kLate}) {
    auto sim = device(fmt::format("sm_{}", target), timing, 1);
    const auto memory = *sim->allocate(t.data.size()), out = *sim->allocate(16);
    REQUIRE(sim->copy_in(memory.address(), std::as_bytes(std::span(t.data))).ok());
    t.config.address = memory.address();
    const auto map = sim->encode_tensor_map(t.config);
    INFO(map.status().message());
    REQUIRE(map.ok());
    std::string names;
    const std::string set = coordinates(at, names);
    const std::string body = fmt::format("{}{}fence.proxy.async.shared::cta;\nbar.sync 0;\nsetp.ne.u32 %p1, %r1, 0;\n@%p1 bra E;\n{}{} [%rd4, {{{}}}], [%r2];\n"
                                         "cp.async.bulk.commit_group;\ncp.async.bulk.wait_group.read 0;\nE:\n", kStart, kFill, set, instruction, names);
    const Launched launched = launch(*sim, kernel_text(body, kParameters, target, kShared), {.threads = 32}, parameters(*map, out.address()));
    INFO(launched.status.message());
    REQUIRE(launched.status.ok());
    CHECK(launched.report.diagnostics.empty());
    std::vector<std::uint8_t> got(t.data.size()), want = t.data;
    const std::vector<std::uint8_t> shared = untouched();
    visit([&](std::uint32_t from, std::int64_t to) {
      if (to >= 0) want[static_cast<std::size_t>(to)] = shared[from];
    });
    REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(got)), memory.address()).ok());
    CHECK(got == want);
  }
}

TEST_CASE("scattered_rows_go_where_their_coordinates_say") {
  const Tensor t = make_tensor(TensorType::kF32, {20, 9}, {16, 1}, TensorSwizzle::k64B);
  const std::vector<std::int32_t> at = {8, 2, 8, 9, 0};  // the last four columns and a row are outside
  check_store(t, at, "cp.async.bulk.tensor.2d.global.shared::cta.tile::scatter4.bulk_group", 100, [&](auto to) {
    for (std::uint32_t row = 0; row < 4; ++row)
      for (std::uint32_t i = 0; i < 64; ++i)
        to(place(64 * row + i, t.config.swizzle), i >= 48 || at[row + 1] > 8 ? -1 : static_cast<std::int64_t>(32 + i + static_cast<std::uint32_t>(at[row + 1]) * t.config.strides[0]));
  });
}

TEST_CASE("im2col_stores_put_pixels_back_and_leave_out_what_is_outside") {
  std::mt19937 random(7);
  for (int trial = 0; trial < 12; ++trial) {
    const Images images = random_images(random);
    INFO("trial " << trial);
    check_store(images.tensor, images.at, fmt::format("cp.async.bulk.tensor.{}d.global.shared::cta.im2col_no_offs.bulk_group", images.tensor.config.rank), 90,
                [&](auto to) { each_byte(images, false, 0, to); });
  }
}

TEST_CASE("maps_of_tf32_round_what_they_load_to_the_nearest_and_leave_the_rest_zero") {
  Tensor t = make_tensor(TensorType::kTf32, {8}, {16}, TensorSwizzle::kNone);
  const std::uint32_t in[8] = {0x3f800fff, 0x3f801000, 0x3f801001, 0x3f803000, 0xbf803000, 0x7f7fffff, 0xff800001, 0x00001001};
  const std::uint32_t rounded[8] = {0x3f800000, 0x3f800000, 0x3f802000, 0x3f804000, 0xbf804000, 0x7f800000, 0x7fffe000, 0x00002000};
  std::memcpy(t.data.data(), in, sizeof in);
  const TensorRun run = load_tensor(t, {.coordinates = {0}, .bytes = 64}, Timing::kEarly);
  REQUIRE(run.launched.status.ok());
  std::vector<std::uint8_t> want = untouched();
  std::memset(want.data(), 0, 64);
  std::memcpy(want.data(), rounded, sizeof rounded);
  CHECK(run.shared == want);
}

// Rank 1 of four copies a box to ranks 0, 1 and 3, each of which waits at its own barrier; rank 2 keeps what it has.
TEST_CASE("a_box_that_is_multicast_reaches_the_same_place_in_every_cta_of_the_mask") {
  for (const TensorSwizzle swizzle : {TensorSwizzle::kNone, TensorSwizzle::k128B})
    for (const Schedule& schedule : {Schedule{Timing::kEarly, 0}, Schedule{Timing::kLate, 0}, Schedule{Timing::kMixed, 3}}) {
      Tensor t = make_tensor(TensorType::kBf16, {70, 20}, {64, 16}, swizzle);
      auto sim = device("sm_90", Timing::kEarly, 1);
      sim->set_schedule(schedule);
      const auto memory = *sim->allocate(t.data.size()), out = *sim->allocate(4 * kWords * 4);
      REQUIRE(sim->copy_in(memory.address(), std::as_bytes(std::span(t.data))).ok());
      t.config.address = memory.address();
      const std::string sync = "barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;\n";
      const std::string body = std::string(kStart) + kFill +
          "mov.u32 %r4, %cluster_ctarank;\nmul.wide.u32 %rd7, %r4, 16384;\nadd.s64 %rd2, %rd2, %rd7;\nsetp.ne.u32 %p1, %r1, 0;\nsetp.eq.u32 %p4, %r4, 2;\n"
          "fence.proxy.async.shared::cta;\n@%p1 bra I;\nmbarrier.init.shared::cta.b64 [%r3], 1;\nfence.mbarrier_init.release.cluster;\n"
          "@!%p4 mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%r3], 2048;\nI:\n" + sync +
          "setp.ne.u32 %p5, %r4, 1;\nor.pred %p5, %p5, %p1;\nmov.u32 %r10, -3;\nmov.u32 %r11, 5;\nmov.u16 %rs1, 11;\n"
          "@!%p5 cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%r2+1024], [%rd4, {%r10, %r11}], [%r3], %rs1;\n"
          "@%p4 bra S;\nL:\nmbarrier.try_wait.parity.acquire.cta.shared::cta.b64 %p2, [%r3], 0;\n@!%p2 bra L;\n" + kShow + sync;
      const Launched launched = launch(*sim, kernel_text(body, kParameters, 90, kShared), {.grid_x = 4, .threads = 32, .cluster_x = 4}, parameters(*sim->encode_tensor_map(t.config), out.address()));
      INFO(schedule.text() << " " << launched.status.message());
      REQUIRE(launched.status.ok());
      CHECK(launched.report.diagnostics.empty());
      std::vector<std::uint8_t> got(4 * kWords * 4), with_box = untouched();
      REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(got)), out.address()).ok());
      for (std::uint32_t y = 0; y < 16; ++y)
        for (std::uint32_t i = 0; i < 128; ++i) {
          const std::int64_t x = static_cast<std::int64_t>(i / 2) - 3;
          with_box[place(1024 + 128 * y + i, swizzle)] = x < 0 || y + 5 >= 20 ? 0 : t.data[static_cast<std::size_t>(x) * 2 + i % 2 + (y + 5) * t.config.strides[0]];
        }
      for (std::size_t rank = 0; rank < 4; ++rank)
        CHECK(std::vector<std::uint8_t>(got.begin() + static_cast<std::ptrdiff_t>(rank * 16384), got.begin() + static_cast<std::ptrdiff_t>((rank + 1) * 16384)) == (rank == 2 ? untouched() : with_box));
    }
}

// Each cta of a pair copies a box to itself; both count at the barrier of rank 0.
TEST_CASE("the_ctas_of_a_pair_may_share_an_mbarrier") {
  for (const Timing timing : {Timing::kEarly, Timing::kLate}) {
    Tensor t = make_tensor(TensorType::kU32, {16, 8}, {16, 4}, TensorSwizzle::kNone);
    auto sim = device("sm_100", timing, 1);
    const auto memory = *sim->allocate(t.data.size()), out = *sim->allocate(2 * kWords * 4);
    REQUIRE(sim->copy_in(memory.address(), std::as_bytes(std::span(t.data))).ok());
    t.config.address = memory.address();
    const std::string sync = "barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;\n";
    const std::string body = std::string(kStart) + kFill +
        "mov.u32 %r4, %cluster_ctarank;\nmul.wide.u32 %rd7, %r4, 16384;\nadd.s64 %rd2, %rd2, %rd7;\nsetp.ne.u32 %p1, %r1, 0;\nsetp.ne.or.u32 %p4, %r4, 0, %p1;\nfence.proxy.async.shared::cta;\n"
        "@!%p4 mbarrier.init.shared::cta.b64 [%r3], 1;\nfence.mbarrier_init.release.cluster;\n@!%p4 mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%r3], 512;\n" + sync +
        "mov.u32 %r5, 0;\nmapa.shared::cluster.u32 %r6, %r3, %r5;\nmov.u32 %r10, 0;\nmul.lo.u32 %r11, %r4, 4;\n"
        "@!%p1 cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.cta_group::2 [%r2], [%rd4, {%r10, %r11}], [%r6];\n"
        "setp.ne.u32 %p5, %r4, 0;\n@%p5 bra N;\nL:\nmbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 %p2, [%r3], 0;\n@!%p2 bra L;\nN:\n" + sync + kShow + sync;
    const Launched launched = launch(*sim, kernel_text(body, kParameters, 100, kShared), {.grid_x = 2, .threads = 32, .cluster_x = 2}, parameters(*sim->encode_tensor_map(t.config), out.address()));
    INFO(launched.status.message());
    REQUIRE(launched.status.ok());
    std::vector<std::uint8_t> got(2 * kWords * 4), want;
    REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(got)), out.address()).ok());
    for (std::size_t rank = 0; rank < 2; ++rank) {
      std::vector<std::uint8_t> one = untouched();
      for (std::size_t y = 0; y < 4; ++y) std::memcpy(one.data() + 64 * y, t.data.data() + (4 * rank + y) * t.config.strides[0], 64);
      want.insert(want.end(), one.begin(), one.end());
    }
    CHECK(got == want);
  }
}

}  // namespace
}  // namespace bsgen::sim::test
