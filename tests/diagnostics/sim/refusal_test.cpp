// What the simulated device refuses before it executes: the exact text, and the code behind exit status 2.
#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

std::string refused(const std::string& ptx, const std::string& arch = "sm_90", const std::string& entry = "k", std::uint32_t shared = 0) {
  auto sim = device(arch);
  KernelImage image;
  image.entry = entry;
  image.ptx = ptx;
  const auto loaded = sim->load(image, shared);
  REQUIRE(!loaded.ok());
  CHECK(loaded.status().code() == ErrorCode::kInvalidArgument);
  CHECK(exit_status(loaded.status().code()) == 2);
  return loaded.status().message();
}
std::string body(const std::string& line) { return refused(kernel_text(line)); }

TEST_CASE("unknown_opcodes_modifiers_and_types_are_refused_with_their_line") {
  CHECK(body("frobnicate.b32 %r1, %r2;") == "sim: ptx line 14: frobnicate.b32: unknown opcode");
  CHECK(body("add.fast.s32 %r1, %r2, %r3;") == "sim: ptx line 14: add.fast.s32: unknown modifier .fast");
  CHECK(body("add.s32.x %r1, %r2, %r3;") == "sim: ptx line 14: add.s32.x: unknown modifier .x");
  CHECK(body("add.s31 %r1, %r2, %r3;") == "sim: ptx line 14: add.s31: unknown modifier .s31");
  CHECK(body("add.pred %p1, %p2, %p3;") == "sim: ptx line 14: add.pred: this combination of types does not exist");
  CHECK(body("mma.sync.aligned.m16n8k16.row.col.f32.f64.f64.f32 {%f1}, {%r1}, {%r1}, {%f1};") ==
        "sim: ptx line 14: mma.sync.aligned.m16n8k16.row.col.f32.f64.f64.f32: this combination of types does not exist");
  CHECK(body("ld.global.v3.u32 %r1, [%rd1];") == "sim: ptx line 14: ld.global.v3.u32: unknown modifier .v3");
}

TEST_CASE("operands_that_do_not_fit_the_type_are_refused") {
  CHECK(body("add.s32 %r1, %r2;") == "sim: ptx line 14: add.s32: 2 operands, 3 expected");
  CHECK(body("add.s32 %r1, %rd2, %r3;") == "sim: ptx line 14: add.s32: register %rd2 is .b64, the instruction takes 32 bits");
  CHECK(body("add.s32 7, %r2, %r3;") == "sim: ptx line 14: add.s32: the result must be a register");
  CHECK(body("add.rn.f32 %f1, %f2, 1;") == "sim: ptx line 14: add.rn.f32: an integer constant for type .f32");
  CHECK(body("mov.u32 %r1, %bogus;") == "sim: ptx line 14: mov.u32: unknown special register %bogus");
  CHECK(body("mov.u32 %r1, bogus;") == "sim: ptx line 14: unknown name bogus");
  CHECK(body("ld.global.u32 %r1, [%r2];") == "sim: ptx line 14: ld.global.u32: a 32-bit address for global memory");
  CHECK(body("cvt.s32.f32 %r1, %f1;") == "sim: ptx line 14: cvt.s32.f32: needs .rni, .rzi, .rmi or .rpi");
  CHECK(body("cp.async.cg.shared.global [%r1], [%rd1], 8;") == "sim: ptx line 14: cp.async.cg.shared.global: copies of 8 bytes do not exist");
  CHECK(body("@%r1 bra X;") == "sim: ptx line 14: guard %r1 is not a predicate register");
  CHECK(body("bra NOWHERE;") == "sim: ptx line 14: unknown name NOWHERE");
}

TEST_CASE("instructions_newer_than_the_target_are_refused") {
  CHECK(refused(kernel_text("cp.async.wait_all;", ".param .u64 in", 75)) == "sim: ptx line 14: cp.async.wait_all: needs .target sm_80 or higher, the text says sm_75");
}

TEST_CASE("text_that_is_no_ptx_is_refused") {
  CHECK(refused("") == "sim: the image holds no ptx");
  CHECK(refused("hello") == "sim: ptx line 1: unknown directive hello");
  CHECK(refused(".version 9.0\n.address_size 64\n") == "sim: ptx line 3: no .target directive");
  CHECK(refused(".version 9.0\n.target sm_80\n.visible .entry k()\n{\nret;\n") == "sim: ptx line 6: the body of k is not closed");
  CHECK(refused(".version 9.0\n.target sm_80\n.visible .entry k()\n{\n.reg .b32 %r<3>;\nmov.u32 %r1, ;\n}\n") == "sim: ptx line 6: expected an operand, found ';'");
  CHECK(refused(".version 9.0\n.target sm_80\n.global .b8 x[2] = {1, 2, 3};\n") == "sim: ptx line 3: the initialiser of x is longer than its 2 bytes");
}

TEST_CASE("a_missing_entry_and_a_newer_target_name_the_way_out") {
  CHECK(refused(kernel_text(""), "sm_90", "other") == "sim: the ptx has no entry other; it has k");
  CHECK(refused(kernel_text(""), "sm_80") == "sim: the ptx is for sm_90, the simulated device is sm_80; try --device sim:sm_90");
  CHECK(refused(kernel_text(""), "sm_90", "k", 300000) == "sim: k needs 300000 bytes of shared memory per cta, sm_90 allows 232448");
}

TEST_CASE("launches_that_do_not_fit_the_kernel_are_refused") {
  auto sim = device();
  KernelImage image;
  image.entry = "k";
  image.ptx = kernel_text("");
  const auto function = *sim->load(image, 1024);
  const std::vector<std::uint64_t> parameters = {0, 0};
  const auto try_launch = [&](const LaunchConfig& config, std::size_t bytes = 16) {
    const Status status = sim->launch(*function, config, std::as_bytes(std::span(parameters)).first(bytes), nullptr);
    CHECK(status.code() == ErrorCode::kInvalidArgument);
    return status.message();
  };
  CHECK(try_launch({.threads = 2048}) == "sim: 2048 threads per cta, k allows 1 to 1024");
  CHECK(try_launch({.grid_x = 0}) == "sim: a grid of 0 x 1 x 1 ctas, 1 to 2147483647 x 65535 x 65535 are allowed");
  CHECK(try_launch({.shared_bytes = 2048}) == "sim: 2048 bytes of dynamic shared memory, k was loaded for 1024");
  CHECK(try_launch({}, 8) == "sim: 8 bytes of parameters, k takes 16");
}

TEST_CASE("copies_outside_an_allocation_are_refused") {
  auto sim = device();
  const auto buffer = *sim->allocate(64);
  std::vector<std::byte> host(80);
  CHECK(sim->copy_in(buffer.address(), host).message() == "sim: copy of 80 bytes to byte 0 of an allocation of 64 bytes");
  CHECK(sim->copy_out(host, 0x1234).message() == "sim: copy of 80 bytes from address 0x1234, in no allocation");
}

}  // namespace
}  // namespace bsgen::sim::test
