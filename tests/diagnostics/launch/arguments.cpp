// What launch says about arguments that do not fit.
#include <limits>

#include "tests/unit/launch/launch_fixture.h"

namespace bsgen {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

// The message of a launch of an fprop kernel for 10 tokens after `change` was made to fitting arguments.
template <class Change>
std::string refusal(const Loaded& loaded, Change&& change, std::int64_t tokens = 10) {
  LaunchArguments arguments = fitting(loaded.plan, tokens);
  change(arguments);
  const Status status = loaded.kernel.launch(arguments);
  CHECK(loaded.device->num_launches == 0);
  CHECK(status.code() == ErrorCode::kInvalidArgument);
  return status.message();
}

Loaded fprop(Problem problem = {}) { return load(example_layout(), problem); }

}  // namespace

TEST_CASE("launch_names_the_shape_that_an_operand_should_have") {
  const Loaded loaded = fprop();
  CHECK(refusal(loaded, [](auto& a) { a.w.rows = 16; }) ==
        "launch: argument w (values) has 4096 elements, the layout has 5120 in 20 blocks of 16 x 16");
  CHECK(refusal(loaded, [](auto& a) { std::swap(a.w.rows, a.w.cols); }) ==
        "launch: argument w (values) is 256 x 20, the kernel takes 20 x 256 (blocks of all heads x elements of a block)");
  CHECK(refusal(loaded, [](auto& a) { a.w.heads = 2; a.w.rows = 10; }) ==
        "launch: argument w (values) is 2 x 10 x 256, the kernel takes 1 x 20 x 256 (heads x blocks of all heads x elements of a block)");
  CHECK(refusal(loaded, [](auto& a) { a.x.cols = 60; }) == "launch: argument x (X) is 10 x 60, the kernel takes 10 x 64 (tokens x K)");
  CHECK(refusal(loaded, [](auto& a) { a.x.heads = 2; }) ==
        "launch: argument x (X) is 2 x 10 x 64, the kernel takes 1 x 10 x 64 (heads x tokens x K)");
  CHECK(refusal(loaded, [](auto& a) { a.tokens = 11; }) == "launch: argument x (X) is 10 x 64, the kernel takes 11 x 64 (tokens x K)");
  CHECK(refusal(loaded, [](auto& a) { a.y.rows = -1; }) == "launch: argument y (Y) is -1 x 128, the kernel takes 10 x 128 (tokens x N)");
  CHECK(refusal(loaded, [](auto& a) { a.w.rows = a.w.cols = kMax; }) ==
        "launch: argument w (values) is 9223372036854775807 x 9223372036854775807, the kernel takes 20 x 256 (blocks of all heads x elements of "
        "a block)");
  CHECK(refusal(fprop({.activations = Activations::kCol}), [](auto& a) { std::swap(a.x.rows, a.x.cols); }) ==
        "launch: argument x (X) is 10 x 64, the kernel takes 64 x 10 (K x tokens)");
}

TEST_CASE("launch_calls_operands_by_what_they_are_in_each_pass") {
  const auto message = [](Op op, auto member) { return refusal(fprop({.op = op}), [&](auto& a) { (a.*member).data = 0; }); };
  const auto null = [](std::string name) { return "launch: argument " + name + " is null; it takes the address of device memory"; };
  CHECK(message(Op::kFprop, &LaunchArguments::x) == null("x (X)"));
  CHECK(message(Op::kFprop, &LaunchArguments::y) == null("y (Y)"));
  CHECK(message(Op::kBprop, &LaunchArguments::x) == null("x (dX)"));
  CHECK(message(Op::kBprop, &LaunchArguments::y) == null("y (dY)"));
  CHECK(message(Op::kUpdate, &LaunchArguments::x) == null("x (X)"));
  CHECK(message(Op::kUpdate, &LaunchArguments::w) == null("w (values)"));
}

TEST_CASE("launch_names_both_types") {
  CHECK(refusal(fprop(), [](auto& a) { a.x.dtype = DType::kFp16; }) ==
        "launch: argument x (X) is fp16, the kernel takes bf16; convert it, or ask for a kernel of that type");
  CHECK(refusal(fprop(), [](auto& a) { a.y.dtype = DType::kFp32; }) ==
        "launch: argument y (Y) is fp32, the kernel takes bf16; ask for a kernel with out_dtype fp32");
}

TEST_CASE("launch_refuses_less_alignment_and_names_the_request_to_make") {
  const Loaded loaded = fprop();
  CHECK(refusal(loaded, [](auto& a) { a.x.data += 4; }) ==
        "launch: argument x (X) is at address 0x100004, the kernel takes multiples of 16 bytes; ask for a kernel with align 4");
  CHECK(refusal(loaded, [](auto& a) { a.x.data += 6; }) ==
        "launch: argument x (X) is at address 0x100006, the kernel takes multiples of 16 bytes; ask for a kernel with align 2");
  CHECK(refusal(loaded, [](auto& a) { a.x.leading_dimension = 65; }) ==
        "launch: argument x (X) has a leading dimension of 65 elements (130 bytes), the kernel takes multiples of 16 bytes; ask for a kernel "
        "with align 2");
  // One that all arguments have, not only the first that was found.
  CHECK(refusal(loaded, [](auto& a) { a.x.data += 4, a.y.data += 2; }) ==
        "launch: argument x (X) is at address 0x100004, the kernel takes multiples of 16 bytes; ask for a kernel with align 2");
  CHECK(refusal(loaded, [](auto& a) { a.x.data += 1; }) ==
        "launch: argument x (X) is at address 0x100001, the kernel takes multiples of 16 bytes; no kernel takes less than 2, copy x (X) to an "
        "aligned place");
  CHECK(refusal(fprop({.dtype = DType::kFp32}), [](auto& a) { a.w.data += 2; }) ==
        "launch: argument w (values) is at address 0x200002, the kernel takes multiples of 16 bytes; no kernel takes less than 4, copy w "
        "(values) to an aligned place");
  CHECK(refusal(load(example_stack(), {}), [](auto& a) { a.x.head_stride += 2; }) ==
        "launch: argument x (X) has a head stride of 642 elements (1284 bytes), the kernel takes multiples of 16 bytes; ask for a kernel with "
        "align 4");
}

TEST_CASE("launch_refuses_strides_that_make_no_matrix") {
  const Loaded loaded = fprop();
  CHECK(refusal(loaded, [](auto& a) { a.x.leading_dimension = 56; }) ==
        "launch: argument x (X) has leading dimension 56, its rows have 64 elements");
  CHECK(refusal(loaded, [](auto& a) { a.w.leading_dimension = 512; }) ==
        "launch: argument w (values) has leading dimension 512, blocks of 16 x 16 follow one another every 256 elements");
  const Loaded stack = load(example_stack(), {});
  CHECK(refusal(stack, [](auto& a) { a.x.head_stride = -640; }) == "launch: argument x (X) has head stride -640, it may not be negative");
  CHECK(refusal(stack, [](auto& a) { a.y.head_stride = 640; }) ==
        "launch: argument y (Y) has head stride 640, its heads overlap; they are 10 x 128 with leading dimension 128");
}

TEST_CASE("launch_refuses_sizes_that_overflow") {
  const Loaded loaded = fprop();
  CHECK(refusal(loaded, [](auto& a) { a.x.leading_dimension = kMax; }) ==
        "launch: argument x (X) reaches past the last address: 10 x 64 with leading dimension 9223372036854775807 and head stride 640 at "
        "0x100000");
  CHECK(refusal(loaded, [](auto& a) { a.x.data = 0xfffffffffffffff0; }) ==
        "launch: argument x (X) reaches past the last address: 10 x 64 with leading dimension 64 and head stride 640 at 0xfffffffffffffff0");
}

TEST_CASE("launch_takes_0_to_2147483647_tokens") {
  const Loaded loaded = fprop();
  CHECK(refusal(loaded, [](auto& a) { a.tokens = -1; }) == "launch: -1 tokens, a launch takes 0 to 2147483647");
  CHECK(refusal(loaded, [](auto& a) { a.tokens = 2147483648; }) == "launch: 2147483648 tokens, a launch takes 0 to 2147483647; split them");
}

TEST_CASE("launch_names_both_devices") {
  CHECK(refusal(load(example_layout(), {}, std::make_shared<RecordingDevice>(0)), [](auto& a) { a.y.device = 1; }) ==
        "launch: argument y (Y) is on cuda:1, the kernel is on cuda:0; move it, or load a kernel on cuda:1");
  CHECK(refusal(fprop(), [](auto& a) { a.x.device = 0; }) ==
        "launch: argument x (X) is on cuda:0, the kernel is on sim; move it, or load a kernel on cuda:0");
  const Loaded second = load(example_layout(), {}, std::make_shared<RecordingDevice>(1));
  LaunchArguments arguments = fitting(second.plan, 10);
  arguments.x.device = 1;  // the others are unknown, so not checked
  CHECK(second.kernel.launch(arguments).ok());
}

}  // namespace bsgen
