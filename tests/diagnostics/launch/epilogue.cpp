// What launch says about the epilogue's arguments.
#include "tests/unit/launch/launch_fixture.h"

namespace bsgen {
namespace {

template <class Change>
std::string refusal(const std::string& epilogue, Change&& change, int align = 16) {
  const Loaded loaded = load(example_layout(), {.align = align, .epilogue = epilogue});
  LaunchArguments arguments = fitting(loaded.plan, 10);
  arguments.scalars["scale"] = 2;
  arguments.tensors["bias"] = {.data = 0x400000, .rows = 1, .cols = 128, .leading_dimension = 128};
  change(arguments);
  const Status status = loaded.kernel.launch(arguments);
  CHECK(loaded.device->num_launches == 0);
  CHECK(status.code() == ErrorCode::kInvalidArgument);
  return status.message();
}

const std::string kEpilogue = "(acc + bias[n]) * scale";

}  // namespace

TEST_CASE("launch_names_the_epilogue_argument_that_is_missing") {
  CHECK(refusal(kEpilogue, [](auto& a) { a.tensors.clear(); }) ==
        "launch: the epilogue needs bias[n], nothing was given; put it into tensors[\"bias\"]");
  CHECK(refusal(kEpilogue, [](auto& a) { a.scalars.clear(); }) ==
        "launch: the epilogue needs scale, nothing was given; put it into scalars[\"scale\"]");
  CHECK(refusal(kEpilogue + " + r[m,n]", [](auto&) {}) == "launch: the epilogue needs r[m,n], nothing was given; put it into tensors[\"r\"]");
}

TEST_CASE("launch_names_the_nearest_epilogue_argument") {
  CHECK(refusal(kEpilogue, [](auto& a) { a.scalars.clear(), a.scalars["scael"] = 2; }) ==
        "launch: the epilogue has no parameter scael, did you mean scale? it has bias[n], scale");
  CHECK(refusal(kEpilogue, [](auto& a) { a.tensors["bais"] = a.tensors["bias"]; }) ==
        "launch: the epilogue has no parameter bais, did you mean bias? it has bias[n], scale");
  CHECK(refusal("", [](auto& a) { a.tensors.clear(); }) == "launch: the epilogue has no parameter scale; it has none");
}

TEST_CASE("launch_says_when_an_epilogue_argument_is_of_the_wrong_kind") {
  CHECK(refusal(kEpilogue, [](auto& a) { a.tensors.clear(), a.scalars["bias"] = 1; }) ==
        "launch: bias[n] is a tensor of the epilogue, it was given as a scalar; put it into tensors[\"bias\"]");
  CHECK(refusal(kEpilogue, [](auto& a) { a.scalars.clear(), a.tensors["scale"] = a.tensors["bias"]; }) ==
        "launch: scale is a scalar of the epilogue, it was given as a tensor; put it into scalars[\"scale\"]");
  CHECK(refusal(kEpilogue, [](auto& a) { a.scalars["bias"] = 1; }) ==  // as both
        "launch: bias[n] is a tensor of the epilogue, it was given as a scalar; put it into tensors[\"bias\"]");
}

TEST_CASE("launch_checks_epilogue_tensors_like_operands") {
  CHECK(refusal(kEpilogue, [](auto& a) { a.tensors["bias"].cols = 64; }) ==
        "launch: argument bias is 1 x 64, the kernel takes 1 x 128 (1 x N)");
  CHECK(refusal(kEpilogue, [](auto& a) { a.tensors["bias"].dtype = DType::kBf16; }) ==
        "launch: argument bias is bf16, the kernel takes fp32; convert it, or ask for a kernel of that type");
  CHECK(refusal("(acc + bias[m]) * scale", [](auto&) {}) == "launch: argument bias is 1 x 128, the kernel takes 1 x 10 (1 x tokens)");
  CHECK(refusal(kEpilogue, [](auto& a) { a.tensors["bias"].data += 4; }) ==
        "launch: argument bias is at address 0x400004, the kernel takes multiples of 16 bytes; ask for a kernel with align 4");
  // A vector of fp32 has to lie on its own elements even where the kernel's operands need less.
  CHECK(refusal(kEpilogue, [](auto& a) { a.tensors["bias"].data += 2; }, 2) ==
        "launch: argument bias is at address 0x400002, the kernel takes multiples of 4 bytes; no kernel takes less than 4, copy bias to an "
        "aligned place");
}

}  // namespace bsgen
