// What copies through tensor maps report: the kernel with the fault, its exact text, and the twin that has not.
#include <cstring>

#include "tests/diagnostics/sim/twins.h"

namespace bsgen::sim::test {
namespace {

constexpr const char* kShared = ".shared .align 1024 .b8 buffer[8192];\n.shared .align 8 .b8 bar[8];";
constexpr const char* kStart =
    "mov.u32 %r1, %tid.x; mov.u32 %r2, buffer; mov.u32 %r3, bar; mov.b64 %rd3, map; cvta.param.u64 %rd8, %rd3; ld.param.u64 %rd1, [in]; setp.ne.u32 %p1, %r1, 0; mov.u32 %r10, 0; mov.u16 %rs1, 0;\n";

TensorMapConfig images() {
  TensorMapConfig map = {.type = TensorType::kU32, .rank = 4, .dims = {4, 8, 8, 2}, .strides = {16, 128, 1024}};
  map.im2col = true;
  map.lower_corner[0] = -1, map.upper_corner[0] = -2;
  map.channels_per_pixel = 4, map.pixels_per_column = 8;
  return map;
}
TensorMapConfig boxes(std::uint32_t rows) { return {.type = TensorType::kU32, .rank = 2, .dims = {8, 64}, .strides = {32}, .box = {8, rows}}; }

// The statement of line 18, after a barrier that expects `bytes` and before the wait at it.
Launched run(TensorMapConfig config, const std::string& statement, int bytes) {
  auto sim = device("sm_100", Timing::kEarly, 1);
  std::vector<std::uint32_t> in(1024, 7);
  const auto a = *sim->allocate(4096);
  REQUIRE(sim->copy_in(a.address(), std::as_bytes(std::span(in))).ok());
  config.address = a.address();
  const auto map = sim->encode_tensor_map(config);
  INFO(map.status().message());
  REQUIRE(map.ok());
  std::vector<std::uint64_t> parameters(17);
  std::memcpy(parameters.data(), map->bytes, sizeof map->bytes);
  parameters[16] = a.address();
  const std::string body = kStart + std::string("@%p1 bra I; mbarrier.init.shared::cta.b64 [%r3], 1; fence.mbarrier_init.release.cluster;\n") +
                           "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r3], " + std::to_string(bytes) + ";\n" + statement + "\nI: bar.sync 0;\n" +
                           "L: mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r3], 0; @!%p2 bra L;\n";
  return launch(*sim, kernel_text(body, ".param .align 64 .b8 map[128], .param .u64 in", 100, kShared), {.threads = 32}, parameters);
}
std::string pixels(const std::string& coordinates, const std::string& offsets) {
  return "mov.u32 %r11, 8; mov.u32 %r12, -2; mov.u16 %rs2, 256; cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%r2], [%rd8, {" + coordinates + "}], [%r3], {" + offsets + "};";
}
const std::string kBox = "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%rd8, {%r10, %r10}], [%r3];";
const std::string kGather = "cp.async.bulk.tensor.2d.shared::cta.global.tile::gather4.mbarrier::complete_tx::bytes [%r2], [%rd8, {%r10, %r10, %r10, %r10, %r10}], [%r3];";
std::string text(const std::string& what) { return "sim: cta (0, 0) thread 0 " + what + " (ptx line 18, kernel k)"; }

TEST_CASE("im2col_begins_inside_its_bounding_box") {
  const Launched good = run(images(), pixels("%r10, %r10, %r10, %r10", "%rs1, %rs1"), 128);
  check_twins("tensor_map", text("begins at 8 in dimension 1, the bounding box of the tensor map goes from -1 to 5"), good, run(images(), pixels("%r10, %r11, %r10, %r10", "%rs1, %rs1"), 0));
  check_twins("tensor_map", text("begins at -2 in dimension 2, the bounding box of the tensor map goes from 0 to 7"), good, run(images(), pixels("%r10, %r10, %r12, %r10", "%rs1, %rs1"), 0));
  check_twins("tensor_map", text("gives the im2col offset 256 in dimension 2, 0 to 255 are possible in rank 4"), good, run(images(), pixels("%r10, %r10, %r10, %r10", "%rs1, %rs2"), 0));
}

TEST_CASE("a_tensor_map_is_of_the_kind_that_the_copy_asks_for") {
  const Launched good = run(images(), pixels("%r10, %r10, %r10, %r10", "%rs1, %rs1"), 128);
  check_twins("tensor_map", text("copies a box, the tensor map is one for im2col"), good,
              run(images(), "cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%r2], [%rd8, {%r10, %r10, %r10, %r10}], [%r3];", 0));
  TensorMapConfig four = {.type = TensorType::kU32, .rank = 4, .dims = {4, 8, 8, 2}, .strides = {16, 128, 1024}, .box = {4, 2, 1, 1}};
  check_twins("tensor_map", text("copies pixels (im2col), the tensor map is one of boxes"), good, run(four, pixels("%r10, %r10, %r10, %r10", "%rs1, %rs1"), 0));
}

TEST_CASE("four_rows_come_from_a_matrix_with_boxes_of_one_row") {
  const Launched good = run(boxes(1), kGather, 128);
  check_twins("tensor_map", text("copies four rows, the box of the tensor map has 4 rows instead of one"), good, run(boxes(4), kGather, 0));
  check_twins("tensor_map", text("copies rows of a matrix, the tensor map has rank 4"), good, run(images(), kGather, 0));
}

TEST_CASE("a_pattern_that_nobody_confirms_is_a_warning_where_it_is_used") {
  TensorMapConfig map = boxes(4);
  map.type = TensorType::kF32, map.fill = TensorFill::kNan;
  CHECK(run(map, kBox, 128).report.diagnostics.empty());
  const Launched outside = run(map, "mov.u32 %r10, -1; " + kBox, 128);
  CHECK(outside.status.ok());
  REQUIRE(outside.report.diagnostics.size() == 1);
  CHECK(outside.report.diagnostics[0].kind == "unconfirmed");
  CHECK(outside.report.diagnostics[0].severity == Severity::kWarning);
  CHECK(outside.report.diagnostics[0].message == text("fills what lies outside the tensor with the NaN 0x7ff7, a pattern that public programs report and NVIDIA does not document"));
}

// More than a row of a tensor can have.
TEST_CASE("a_long_bulk_copy_that_is_refused_gives_zeros") {
  const Launched good = run(boxes(1), "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%rd1], 4096, [%r3];", 4096);
  check_twins("out_of_bounds", text("reads 8192 bytes at byte 0 of an allocation, which ends at 4096"), good,
              run(boxes(1), "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%rd1], 8192, [%r3];", 8192));
}

TEST_CASE("load_modes_that_are_not_simulated_are_refused") {
  const auto message = [](const std::string& line) {
    auto sim = device("sm_100");
    KernelImage image;
    image.entry = "k";
    image.ptx = kernel_text(line, ".param .u64 in", 100);
    return sim->load(image, 0).status().message();
  };
  const std::string start = "cp.async.bulk.tensor.4d.shared::cta.global.", rest = ".mbarrier::complete_tx::bytes [%r2], [%rd8, {%r1, %r1, %r1, %r1}], [%r3], {%rs1, %rs1};";
  for (const std::string mode : {"im2col::w", "im2col::w::128"}) {
    const std::string word = start + mode + ".mbarrier::complete_tx::bytes";
    CHECK(message(start + mode + rest) == "sim: ptx line 14: " + word + ": load mode ." + mode + " is not supported");
  }
  CHECK(message("cp.async.bulk.tensor.2d.shared::cta.global.im2col.mbarrier::complete_tx::bytes [%r2], [%rd8, {%r1, %r1}], [%r3], {%rs1};") ==
        "sim: ptx line 14: cp.async.bulk.tensor.2d.shared::cta.global.im2col.mbarrier::complete_tx::bytes: im2col needs .3d, .4d or .5d");
  CHECK(message("cp.async.bulk.tensor.3d.shared::cta.global.tile::gather4.mbarrier::complete_tx::bytes [%r2], [%rd8, {%r1, %r1, %r1}], [%r3];") ==
        "sim: ptx line 14: cp.async.bulk.tensor.3d.shared::cta.global.tile::gather4.mbarrier::complete_tx::bytes: copies rows of matrices, which are .2d");
}

}  // namespace
}  // namespace bsgen::sim::test
