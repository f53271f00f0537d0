// What a launch hands to the device.
#include <bit>
#include <cstring>

#include "runtime/launch/kernel_arguments.h"
#include "tests/unit/launch/launch_fixture.h"

namespace bsgen {
namespace {

using runtime::KernelArguments;
using runtime::OperandSlot;

KernelArguments arguments_of(const RecordingDevice::Launch& launch) {
  KernelArguments arguments;
  REQUIRE(launch.parameters.size() >= sizeof arguments);
  std::memcpy(&arguments, launch.parameters.data(), sizeof arguments);
  return arguments;
}

OperandSlot slot_of(const RecordingDevice::Launch& launch, std::size_t index) {
  OperandSlot slot;
  const std::size_t at = sizeof(KernelArguments) + index * sizeof slot;
  REQUIRE(launch.parameters.size() >= at + sizeof slot);
  std::memcpy(&slot, launch.parameters.data() + at, sizeof slot);
  return slot;
}

void require_launch(const Loaded& loaded, const LaunchArguments& arguments) {
  const Status status = loaded.kernel.launch(arguments);
  INFO(status.message());
  REQUIRE(status.ok());
}

}  // namespace

TEST_CASE("a_launch_hands_over_operands_table_tokens_and_panels") {
  const Loaded loaded = load(example_layout(), {});
  LaunchArguments arguments = fitting(loaded.plan, 77);
  arguments.x.leading_dimension = 72;
  int stream = 0;
  REQUIRE(loaded.kernel.launch(arguments, &stream).ok());
  CHECK(loaded.device->num_launches == 1);
  const RecordingDevice::Launch& launch = loaded.device->last;
  CHECK(launch.parameters.size() == sizeof(KernelArguments));
  CHECK(launch.stream == &stream);
  const KernelArguments got = arguments_of(launch);
  CHECK(got.x.data == kX);
  CHECK(got.x.leading_dimension == 72);
  CHECK(got.x.head_stride == 0);
  CHECK(got.w.data == kW);
  CHECK(got.w.leading_dimension == 0);
  CHECK(got.y.data == kY);
  CHECK(got.y.leading_dimension == 128);
  CHECK(got.table == 0x10000);
  CHECK(got.tokens == 77);
  CHECK(got.num_panels == loaded.plan.num_panels);
  CHECK(launch.config.grid_x == loaded.plan.num_panels);
  CHECK(launch.config.grid_y == static_cast<std::uint32_t>((77 + loaded.plan.tile.tokens - 1) / loaded.plan.tile.tokens));
  CHECK(launch.config.grid_z == 1);
  CHECK(launch.config.threads == static_cast<std::uint32_t>(loaded.plan.num_threads));
  CHECK(launch.config.shared_bytes == static_cast<std::uint32_t>(loaded.plan.shared_bytes));
  CHECK(loaded.device->shared_bytes == launch.config.shared_bytes);
}

TEST_CASE("the_schedule_is_bound_in_tier_table_only") {
  const Loaded table = load(example_layout(), {});
  CHECK(table.device->copied_to == 0x10000);
  CHECK(table.device->copied == table.table);
  CHECK_FALSE(table.table.empty());
  const Loaded constant = load(example_layout(), {}, std::make_shared<RecordingDevice>(), Tier::kConstant);
  CHECK(constant.device->copied.empty());
  require_launch(constant, fitting(constant.plan, 5));
  CHECK(arguments_of(constant.device->last).table == 0);
}

TEST_CASE("no_plan_needs_workspace") { CHECK(load(example_layout(), {}).kernel.workspace_bytes(4096) == 0); }

TEST_CASE("zero_tokens_launch_nothing_but_an_update_still_writes") {
  for (const Op op : {Op::kFprop, Op::kBprop, Op::kUpdate}) {
    const Loaded loaded = load(example_layout(), {.op = op});
    LaunchArguments arguments = fitting(loaded.plan, 0);
    arguments.x.data = arguments.y.data = 0;  // there is nothing there
    require_launch(loaded, arguments);
    CHECK(loaded.device->num_launches == (op == Op::kUpdate ? 1 : 0));
  }
}

TEST_CASE("an_empty_layout_still_writes_its_output") {
  const Layout empty = *Layout::from_bits(std::vector<std::uint8_t>(32), 4, 8, {16, 16});
  const Loaded loaded = load(empty, {});
  LaunchArguments arguments = fitting(loaded.plan, 10);
  arguments.w.data = 0;  // there are no values
  require_launch(loaded, arguments);
  CHECK(loaded.device->num_launches == 1);
}

TEST_CASE("heads_carry_their_strides") {
  const Loaded loaded = load(example_stack(), {});
  LaunchArguments arguments = fitting(loaded.plan, 10);
  require_launch(loaded, arguments);
  CHECK(arguments_of(loaded.device->last).x.head_stride == 640);
  CHECK(arguments_of(loaded.device->last).y.head_stride == 1280);
  // tokens x heads x features, as attention keeps it: heads between one another's rows.
  arguments.y.head_stride = 128;
  arguments.y.leading_dimension = 256;
  require_launch(loaded, arguments);
  CHECK(arguments_of(loaded.device->last).y.head_stride == 128);
  // One X for all heads.
  arguments.x.head_stride = 0;
  require_launch(loaded, arguments);
}

TEST_CASE("column_activations_are_features_by_tokens") {
  for (const Op op : {Op::kFprop, Op::kBprop, Op::kUpdate}) {
    const Loaded loaded = load(example_layout(), {.op = op, .activations = Activations::kCol});
    LaunchArguments arguments = fitting(loaded.plan, 80);
    CHECK(arguments.x.rows == 64);
    CHECK(arguments.x.cols == 80);
    require_launch(loaded, arguments);
  }
}

TEST_CASE("tf32_tensors_may_be_called_fp32") {
  const Loaded loaded = load(example_layout(), {.dtype = DType::kTf32});
  LaunchArguments arguments = fitting(loaded.plan, 8);
  for (const DType x : {DType::kFp32, DType::kTf32})
    for (const DType y : {DType::kFp32, DType::kTf32}) {
      arguments.x.dtype = x;
      arguments.y.dtype = y;
      require_launch(loaded, arguments);
    }
}

TEST_CASE("epilogue_arguments_are_passed_in_the_order_of_first_use") {
  const Loaded loaded = load(example_layout(), {.epilogue = "(acc + bias[n]) * scale + residual[m,n] * gate[m]"});
  LaunchArguments arguments = fitting(loaded.plan, 10);
  arguments.scalars["scale"] = 0.5f;
  arguments.tensors["bias"] = {.data = 0x400000, .rows = 1, .cols = 128, .leading_dimension = 128};
  arguments.tensors["gate"] = {.data = 0x500000, .rows = 1, .cols = 10, .leading_dimension = 10};
  arguments.tensors["residual"] = activation(loaded.plan, 0x600000, DType::kBf16, 10, 128);
  arguments.tensors["residual"].leading_dimension = 136;
  require_launch(loaded, arguments);
  const RecordingDevice::Launch& launch = loaded.device->last;
  CHECK(launch.parameters.size() == sizeof(KernelArguments) + 4 * sizeof(OperandSlot));
  const OperandSlot bias = slot_of(launch, 0), scale = slot_of(launch, 1), residual = slot_of(launch, 2), gate = slot_of(launch, 3);
  CHECK(bias.data == 0x400000);
  CHECK(bias.leading_dimension == 0);
  CHECK(scale.data == std::bit_cast<std::uint32_t>(0.5f));
  CHECK(residual.data == 0x600000);
  CHECK(residual.leading_dimension == 136);
  CHECK(gate.data == 0x500000);
}

TEST_CASE("an_epilogue_tensor_may_serve_all_heads") {
  const Loaded loaded = load(example_stack(), {.epilogue = "acc + bias[n]"});
  LaunchArguments arguments = fitting(loaded.plan, 10);
  arguments.tensors["bias"] = {.data = 0x400000, .rows = 1, .cols = 128, .leading_dimension = 128};
  require_launch(loaded, arguments);
  CHECK(slot_of(loaded.device->last, 0).head_stride == 0);
  arguments.tensors["bias"] = {.data = 0x400000, .heads = 2, .rows = 1, .cols = 128, .leading_dimension = 128, .head_stride = 128};
  require_launch(loaded, arguments);
  CHECK(slot_of(loaded.device->last, 0).head_stride == 128);
}

TEST_CASE("a_kernel_made_for_less_alignment_takes_less") {
  const Loaded loaded = load(example_layout(), {.align = 2});
  LaunchArguments arguments = fitting(loaded.plan, 10);
  arguments.x.data += 2;
  arguments.y.leading_dimension = 129;
  require_launch(loaded, arguments);
}

TEST_CASE("a_leading_dimension_that_is_never_used_need_not_be_aligned") {
  const Loaded loaded = load(example_layout(), {});
  LaunchArguments arguments = fitting(loaded.plan, 1);
  arguments.x.leading_dimension = 65;
  require_launch(loaded, arguments);
}

TEST_CASE("a_refused_launch_reaches_no_device") {
  const Loaded loaded = load(example_layout(), {});
  LaunchArguments arguments = fitting(loaded.plan, 10);
  arguments.y.data = 0;
  CHECK(loaded.kernel.launch(arguments).code() == ErrorCode::kInvalidArgument);
  CHECK(loaded.device->num_launches == 0);
}

}  // namespace bsgen
