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

TEST_CASE("tensor_maps_need_sm_90") {
  CHECK(device("sm_80")->encode_tensor_map(good()).status().message() == "tensor map: sim is sm_80, tensor maps need sm_90");
  CHECK(device("sm_90")->encode_tensor_map(good()).ok());
}

}  // namespace
}  // namespace bsgen::sim::test
