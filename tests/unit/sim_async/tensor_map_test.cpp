// Every rule of a tensor map is checked before a device is asked, with the number that breaks it.
#include "bsgen/tensor_map.h"
#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

TensorMapConfig good() {
  return {.type = TensorType::kBf16, .rank = 3, .address = 1 << 20, .dims = {100, 50, 20}, .strides = {208, 10400}, .box = {64, 32, 4}, .swizzle = TensorSwizzle::k128B};
}
template <class Edit>
std::string refused(Edit edit) {
  TensorMapConfig map = good();
  edit(map);
  const Status status = map.verify();
  CHECK(status.code() == ErrorCode::kInvalidArgument);
  return status.message();
}

TEST_CASE("tensor_maps_that_no_driver_would_take_are_refused_with_the_rule") {
  CHECK(good().verify().ok());
  CHECK(refused([](auto& m) { m.rank = 6; }) == "tensor map: rank 6, 1 to 5 are possible");
  CHECK(refused([](auto& m) { m.rank = 0; }) == "tensor map: rank 0, 1 to 5 are possible");
  CHECK(refused([](auto& m) { m.address = 1032; }) == "tensor map: address 0x408 is not a multiple of 16");
  CHECK(refused([](auto& m) { m.dims[1] = 0; }) == "tensor map: dimension 1 has 0 elements, 1 to 4294967296 are possible");
  CHECK(refused([](auto& m) { m.dims[2] = (std::uint64_t{1} << 32) + 1; }) == "tensor map: dimension 2 has 4294967297 elements, 1 to 4294967296 are possible");
  CHECK(refused([](auto& m) { m.box[1] = 257; }) == "tensor map: the box has 257 elements in dimension 1, 1 to 256 are possible");
  CHECK(refused([](auto& m) { m.element_strides[2] = 9; }) == "tensor map: the element stride of dimension 2 is 9, 1 to 8 are possible");
  CHECK(refused([](auto& m) { m.strides[0] = 200; m.dims[0] = 96; }) == "tensor map: the stride of dimension 1 is 200 bytes, not a multiple of 16");
  CHECK(refused([](auto& m) { m.strides[1] = std::uint64_t{1} << 40; }) == "tensor map: the stride of dimension 2 is 1099511627776 bytes, the limit is 1099511627775");
  CHECK(refused([](auto& m) { m.strides[0] = 192; }) == "tensor map: the stride of dimension 1 is 192 bytes, dimension 0 takes 200");
  CHECK(refused([](auto& m) { m.strides[1] = 10384; }) == "tensor map: the stride of dimension 2 is 10384 bytes, dimension 1 takes 10400");
  CHECK(refused([](auto& m) { m.box[0] = 60; }) == "tensor map: the box is 120 bytes wide (60 elements), not a multiple of 16");
  CHECK(refused([](auto& m) { m.box[0] = 72; }) == "tensor map: the box is 144 bytes wide, a swizzle of 128 bytes takes no more; use boxes of 64 elements");
  CHECK(refused([](auto& m) { m.swizzle = TensorSwizzle::k32B; }) == "tensor map: the box is 128 bytes wide, a swizzle of 32 bytes takes no more; use boxes of 16 elements");
  CHECK(refused([](auto& m) { m.type = TensorType::kU16; m.fill = TensorFill::kNan; }) == "tensor map: elements outside can be filled with NaN in floating-point tensors only");
}

TensorMapConfig images() {
  TensorMapConfig map = {.type = TensorType::kBf16, .rank = 4, .address = 1 << 20, .dims = {64, 9, 14, 3}, .strides = {128, 1152, 16128}, .swizzle = TensorSwizzle::k128B};
  map.im2col = true;
  map.channels_per_pixel = 64, map.pixels_per_column = 128;
  return map;
}
template <class Edit>
std::string images_refused(Edit edit) {
  TensorMapConfig map = images();
  edit(map);
  const Status status = map.verify();
  CHECK(status.code() == ErrorCode::kInvalidArgument);
  return status.message();
}

TEST_CASE("tensor_maps_for_im2col_have_rules_of_their_own") {
  CHECK(images().verify().ok());
  CHECK(images_refused([](auto& m) { m.rank = 2; }) == "tensor map: rank 2, 3 to 5 are possible with im2col");
  CHECK(images_refused([](auto& m) { m.lower_corner[1] = -129; }) == "tensor map: a corner of dimension 2 is -129, -128 to 127 are possible in rank 4");
  CHECK(images_refused([](auto& m) { m.upper_corner[0] = 128; }) == "tensor map: a corner of dimension 1 is 128, -128 to 127 are possible in rank 4");
  CHECK(images_refused([](auto& m) { m.rank = 3, m.upper_corner[0] = 32768; }) == "tensor map: a corner of dimension 1 is 32768, -32768 to 32767 are possible in rank 3");
  CHECK(images_refused([](auto& m) { m.rank = 5, m.dims[4] = 1, m.strides[3] = 3 * 16128, m.lower_corner[2] = 16; }) ==
        "tensor map: a corner of dimension 3 is 16, -16 to 15 are possible in rank 5");
  CHECK(images_refused([](auto& m) { m.upper_corner[0] = -8, m.lower_corner[0] = 1; }) == "tensor map: the bounding box of dimension 1 goes from 1 to 0, it must not be empty");
  CHECK(images_refused([](auto& m) { m.channels_per_pixel = 257; }) == "tensor map: 257 channels per pixel, 1 to 256 are possible");
  CHECK(images_refused([](auto& m) { m.pixels_per_column = 1025; }) == "tensor map: 1025 pixels per column, 1 to 1024 are possible");
  CHECK(images_refused([](auto& m) { m.channels_per_pixel = 60; }) == "tensor map: the box is 120 bytes wide (60 elements), not a multiple of 16");
  CHECK(images_refused([](auto& m) { m.channels_per_pixel = 72; }) == "tensor map: the box is 144 bytes wide, a swizzle of 128 bytes takes no more; use boxes of 64 elements");
}

TEST_CASE("tensor_maps_need_sm_90") {
  CHECK(device("sm_80")->encode_tensor_map(good()).status().message() == "tensor map: sim is sm_80, tensor maps need sm_90");
  CHECK(device("sm_90")->encode_tensor_map(good()).ok());
}

}  // namespace
}  // namespace bsgen::sim::test
