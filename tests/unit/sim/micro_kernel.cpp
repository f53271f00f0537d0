#include "tests/unit/sim/micro_kernel.h"

#include <fmt/format.h>

#include <random>

#include "runtime/sim/exec/lane_ops.h"
#include "tests/support/catch.h"

namespace bsgen::sim::test {
namespace {

int target_number = 90;

}  // namespace

Target::Target(int number) { target_number = number; }
Target::~Target() { target_number = 90; }

std::string kernel_text(const std::string& body, const std::string& parameters, int target, const std::string& module_text) {
  return fmt::format(
      ".version 8.0\n.target sm_{}\n.address_size 64\n{}\n.visible .entry k({})\n{{\n"
      ".reg .pred %p<64>;\n.reg .b16 %rs<64>;\n.reg .b32 %r<64>;\n.reg .b64 %rd<64>;\n.reg .f32 %f<64>;\n.reg .f64 %fd<64>;\n// the body: line 14\n{}\nret;\n}}\n",
      target, module_text, parameters, body);
}

std::shared_ptr<SimDevice> device(const std::string& arch, Timing timing, int num_threads) {
  return SimDevice::create({.arch = *Arch::parse(arch), .timing = timing, .num_threads = num_threads});
}

const Diagnostic* Launched::find(const std::string& kind) const {
  for (const Diagnostic& diagnostic : report.diagnostics)
    if (diagnostic.kind == kind) return &diagnostic;
  return nullptr;
}

Launched launch(SimDevice& device, const std::string& ptx, const LaunchConfig& config, const std::vector<std::uint64_t>& parameters,
                std::uint32_t dynamic_shared) {
  KernelImage image;
  image.entry = "k";
  image.ptx = ptx;
  auto function = device.load(image, dynamic_shared);
  if (!function) return {function.status(), {}};
  LaunchConfig with_shared = config;
  with_shared.shared_bytes = dynamic_shared;
  const Status status = device.launch(**function, with_shared, std::as_bytes(std::span(parameters)), nullptr);
  return {status, device.last_report()};
}

Inputs pairs(const std::vector<std::uint64_t>& edges, int num_random, std::uint64_t seed) {
  Inputs made;
  std::mt19937_64 random(seed);
  for (std::uint64_t a : edges)
    for (std::uint64_t b : edges) {
      made.a.push_back(a);
      made.b.push_back(b);
    }
  for (int i = 0; i < num_random; ++i) {
    made.a.push_back(random());
    made.b.push_back(random());
  }
  for (std::size_t i = 0; i < made.a.size(); ++i) made.c.push_back(i % 3 == 0 ? edges[i % edges.size()] : random());
  return made;
}
std::vector<std::uint64_t> int_edges() {
  return {0, 1, 2, 3, 31, 32, 33, 63, 64, 255, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0x80000001, 0xffffffff,
          0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff};
}
std::vector<std::uint64_t> f32_edges() {
  return {0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x3f800001, 0x00000001, 0x80000001, 0x007fffff, 0x00800000, 0x7f7fffff,
          0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00001, 0xffc00000, 0x7f800001, 0x40490fdb, 0x4b000001, 0x4f000000, 0xcf000001};
}

std::vector<std::uint64_t> run(const std::string& instruction, const Inputs& inputs, Result result, bool odd_only) {
  const std::size_t num = (inputs.a.size() + 31) / 32 * 32;
  auto sim = device(fmt::format("sm_{}", target_number));
  std::vector<std::uint64_t> cells(num * 4, 0x5555);
  for (std::size_t i = 0; i < inputs.a.size(); ++i) cells[i] = inputs.a[i], cells[num + i] = inputs.b[i], cells[2 * num + i] = inputs.c[i];
  const auto memory = *sim->allocate(cells.size() * 8);
  REQUIRE(sim->copy_in(memory.address(), std::as_bytes(std::span(cells))).ok());
  const char* store = result == Result::k16   ? "cvt.u64.u16 %rd20, %rs20;"
                      : result == Result::k32 ? "cvt.u64.u32 %rd20, %r20;"
                      : result == Result::kF32 ? "mov.b32 %r20, %f20;\ncvt.u64.u32 %rd20, %r20;"
                      : result == Result::kF64 ? "mov.b64 %rd20, %fd20;"
                      : result == Result::kPredicate ? "selp.u64 %rd20, 1, 0, %p20;" : "";
  std::string body = fmt::format(
      "ld.param.u64 %rd1, [in];\nmov.u32 %r1, %tid.x;\nmov.u32 %r2, %ctaid.x;\nmad.lo.s32 %r3, %r2, 32, %r1;\nmul.wide.u32 %rd2, %r3, 8;\n"
      "add.s64 %rd3, %rd1, %rd2;\n");
  for (int i = 0; i < 3; ++i)
    body += fmt::format("ld.global.u64 %rd{0}, [%rd3+{1}];\ncvt.u32.u64 %r{0}, %rd{0};\nmov.b32 %f{0}, %r{0};\nmov.b64 %fd{0}, %rd{0};\ncvt.u16.u32 %rs{0}, %r{0};\n", 10 + i, i * num * 8);
  body += odd_only ? "and.b32 %r4, %r1, 1;\nsetp.eq.s32 %p1, %r4, 0;\n@%p1 bra DONE;\n" : "";
  body += fmt::format("{}\n{}\nst.global.u64 [%rd3+{}], %rd20;\nDONE:\n", instruction, store, 3 * num * 8);
  const Launched launched = launch(*sim, kernel_text(body, ".param .u64 in, .param .u64 out", target_number), {.grid_x = static_cast<std::uint32_t>(num / 32), .threads = 32}, {memory.address(), 0});
  INFO(instruction);
  INFO(launched.status.message());
  REQUIRE(launched.status.ok());
  REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(cells)), memory.address()).ok());
  return {cells.begin() + static_cast<std::ptrdiff_t>(3 * num), cells.begin() + static_cast<std::ptrdiff_t>(3 * num + inputs.a.size())};
}

void check(const std::string& instruction, const Inputs& inputs, Result result,
           const std::function<std::uint64_t(std::uint64_t, std::uint64_t, std::uint64_t)>& expected) {
  for (Isa isa : {Isa::kBaseline, Isa::kAvx2, Isa::kAvx512}) {
    if (!isa_available(isa)) continue;
    force_lane_isa(isa);
    for (bool odd_only : {false, true}) {
      const std::vector<std::uint64_t> got = run(instruction, inputs, result, odd_only);
      for (std::size_t i = 0; i < got.size(); ++i) {
        const std::uint64_t want = odd_only && i % 2 == 0 ? 0x5555 : expected(inputs.a[i], inputs.b[i], inputs.c[i]);
        if (got[i] == want) continue;
        FAIL(fmt::format("{} on {}: a {:#x} b {:#x} c {:#x} gives {:#x}, expected {:#x}", instruction, name(isa), inputs.a[i], inputs.b[i],
                         inputs.c[i], got[i], want));
      }
    }
  }
  force_lane_isa(best_isa());
  SUCCEED();
}

}  // namespace bsgen::sim::test
