#include "tests/mutation/asynchronous.h"

#include <fmt/format.h>

#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>

#include "bsgen/tensor_map.h"
#include "tests/unit/sim_async/async_kernels.h"

namespace bsgen::mutation {
namespace {

using sim::test::async_kernel;

// A kernel, its memory and how it is launched.
struct Kernel {
  std::string name, ptx;
  std::map<std::string, std::string> sources = {};
  LaunchConfig config = {};
  std::vector<std::vector<std::byte>> memory = {};  // allocations; the last is the output
  // Parameters: tensor maps, whose `address` is an index of `memory`; else the addresses of all of `memory`. Then a number per input.
  std::vector<TensorMapConfig> maps = {};
  std::vector<std::uint64_t> inputs = {0};
};

Expected<Observation> run_once(const Kernel& kernel, const std::vector<TensorMapConfig>& maps, const std::string& ptx, int input, const sim::Schedule& schedule, std::uint64_t budget) {
  const auto device = sim::SimDevice::create({.arch = *Arch::parse("sm_90a"), .timing = schedule.timing, .seed = schedule.seed, .num_threads = 1, .instruction_budget = budget});
  KernelImage image;
  image.entry = "k";
  image.ptx = ptx;
  BSGEN_ASSIGN(const auto function, device->load(image, kernel.config.shared_bytes));
  std::vector<DeviceBuffer> memory;
  for (const auto& bytes : kernel.memory) {
    BSGEN_ASSIGN(auto made, device->allocate(bytes.size()));
    BSGEN_TRY(device->copy_in(made.address(), bytes));
    memory.push_back(std::move(made));
  }
  std::vector<std::uint64_t> parameters(maps.size() * sizeof(TensorMap) / 8);
  for (std::size_t i = 0; i < maps.size(); ++i) {
    TensorMapConfig config = maps[i];
    config.address = memory[config.address].address();
    BSGEN_ASSIGN(const TensorMap map, device->encode_tensor_map(config));
    std::memcpy(parameters.data() + i * sizeof(TensorMap) / 8, map.bytes, sizeof map.bytes);
  }
  if (maps.empty())
    for (const DeviceBuffer& allocation : memory) parameters.push_back(allocation.address());
  else
    parameters.push_back(kernel.inputs[static_cast<std::size_t>(input)]);
  const Status launched = device->launch(*function, kernel.config, std::as_bytes(std::span(parameters)), nullptr);
  if (!launched.ok() && launched.code() != ErrorCode::kCheckFailed) return launched;
  Observation seen;
  seen.report = device->last_report();
  seen.output.resize(kernel.memory.back().size());
  BSGEN_TRY(device->copy_out(seen.output, memory.back().address()));
  return seen;
}

// One field of one map off by what a person gets wrong.
std::vector<std::pair<std::string, TensorMapConfig>> mistakes(const TensorMapConfig& right) {
  std::vector<std::pair<std::string, TensorMapConfig>> made;
  const auto add = [&](const std::string& what, const auto& change) {
    TensorMapConfig wrong = right;
    change(wrong);
    if (wrong.verify().ok()) made.emplace_back(what, wrong);
  };
  const int last = right.rank - 1;
  for (int d = 0; d < right.rank; ++d) {
    add(fmt::format("box {} halved", d), [&](TensorMapConfig& map) { map.box[d] /= 2; });
    add(fmt::format("box {} doubled", d), [&](TensorMapConfig& map) { map.box[d] *= 2; });
    add(fmt::format("dimension {} four less", d), [&](TensorMapConfig& map) { map.dims[d] -= 4; });
    add(fmt::format("dimension {} eight more", d), [&](TensorMapConfig& map) { map.dims[d] += 8; });
    if (d > 0) add(fmt::format("stride {} 16 bytes more", d), [&](TensorMapConfig& map) { map.strides[d - 1] += 16; });
    if (d > 0) add(fmt::format("every second element of dimension {}", d), [&](TensorMapConfig& map) { map.element_strides[d] *= 2; });
  }
  if (last > 1) add("strides exchanged", [&](TensorMapConfig& map) { std::swap(map.strides[0], map.strides[1]); });
  for (const TensorSwizzle swizzle : {TensorSwizzle::kNone, TensorSwizzle::k32B, TensorSwizzle::k64B, TensorSwizzle::k128B})
    if (swizzle != right.swizzle) add(fmt::format("swizzle {}", static_cast<int>(swizzle)), [&](TensorMapConfig& map) { map.swizzle = swizzle; });
  add("filled with nan", [&](TensorMapConfig& map) { map.fill = TensorFill::kNan; });
  return made;
}

Subject subject_of(Kernel made, const std::string& family) {
  const auto kernel = std::make_shared<const Kernel>(std::move(made));
  Subject subject;
  subject.family = family;
  subject.name = kernel->name;
  subject.ptx = kernel->ptx;
  subject.sources = kernel->sources;
  subject.num_inputs = static_cast<int>(kernel->inputs.size());
  subject.schedules = {{sim::Timing::kEarly, 0}, {sim::Timing::kLate, 0}, {sim::Timing::kMixed, 1}, {sim::Timing::kMixed, 2}};
  subject.spins = true;
  subject.run = [kernel](const std::string& ptx, int input, const sim::Schedule& schedule, std::uint64_t budget) {
    return run_once(*kernel, kernel->maps, ptx, input, schedule, budget);
  };
  for (std::size_t i = 0; i < kernel->maps.size(); ++i)
    for (const auto& [what, wrong] : mistakes(kernel->maps[i])) {
      std::vector<TensorMapConfig> maps = kernel->maps;
      maps[i] = wrong;
      subject.host_mutants.push_back({"tensor.map", fmt::format("map {}: {}", i, what), [kernel, maps](int input, const sim::Schedule& schedule, std::uint64_t budget) {
                                        return run_once(*kernel, maps, kernel->ptx, input, schedule, budget);
                                      }});
    }
  return subject;
}

Expected<std::string> file(const std::string& name) {
  std::ifstream stream(BSGEN_SIM_ASYNC_KERNELS "/" + name);
  if (!stream) return Status(ErrorCode::kIo, "mutation: cannot read " BSGEN_SIM_ASYNC_KERNELS "/" + name);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

// Small whole numbers in bf16, so that sums are exact in any order.
std::vector<std::byte> small_bf16(std::size_t count, std::uint32_t seed) {
  std::vector<std::uint16_t> values(count);
  for (std::uint16_t& value : values) {
    seed = seed * 1664525u + 1013904223u;
    value = static_cast<std::uint16_t>(__builtin_bit_cast(std::uint32_t, static_cast<float>(static_cast<int>(seed >> 16) % 9 - 4)) >> 16);
  }
  const auto bytes = std::as_bytes(std::span(values));
  return {bytes.begin(), bytes.end()};
}
std::vector<std::byte> words(std::size_t count, std::uint32_t first, std::uint32_t step) {
  std::vector<std::byte> bytes(count * 4);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t word = first + i * step;
    std::memcpy(bytes.data() + 4 * i, &word, 4);
  }
  return bytes;
}

// Four tiles, clipped on every side; the ring of four stages is gone round more than twice, once, and not at all.
Expected<Kernel> wgmma_gemm() {
  Kernel made;
  made.name = "wgmma-gemm";
  BSGEN_ASSIGN(made.ptx, file("wgmma_gemm_sm_90a.ptx"));
  BSGEN_ASSIGN(made.sources["wgmma_gemm.cu"], file("wgmma_gemm.cu"));
  made.config = {.grid_x = 2, .grid_y = 2, .grid_z = 1, .threads = 384, .shared_bytes = 4 * 32768 + 32768 + 64};
  made.inputs = {10, 4, 1};
  const std::uint64_t m = 200, n = 248, k = 10 * 64 - 8;
  made.memory = {small_bf16(m * k, 1), small_bf16(n * k, 2), words(m * n / 2, 0, 0)};
  const auto map = [](std::uint64_t index, std::uint64_t columns, std::uint64_t rows) {
    TensorMapConfig config;
    config.type = TensorType::kBf16;
    config.address = index;
    config.dims[0] = columns, config.dims[1] = rows;
    config.strides[0] = columns * 2;
    config.box[0] = 64, config.box[1] = 128;
    config.swizzle = TensorSwizzle::k128B;
    return config;
  };
  made.maps = {map(0, k, m), map(1, k, n), map(2, n, m)};
  return made;
}

// A box of rank 3 comes, every word of it is changed, and it leaves to another place; clipped on the way in and on the way out.
Kernel tensor_copy() {
  Kernel made;
  made.name = "async-tensor-3d";
  made.ptx = sim::test::kernel_text(
      "mov.u32 %r1, %tid.x;\nmov.u32 %r2, buffer;\nmov.u32 %r3, bar;\nmov.b64 %rd3, map_in;\ncvta.param.u64 %rd4, %rd3;\nmov.b64 %rd5, map_out;\ncvta.param.u64 %rd6, %rd5;\n"
      "setp.ne.u32 %p1, %r1, 0;\n@%p1 bra I;\nmbarrier.init.shared::cta.b64 [%r3], 1;\nfence.mbarrier_init.release.cluster;\nI:\nbar.sync 0;\n@%p1 bra W;\n"
      "mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%r3], 768;\nmov.b32 %r10, 12;\nmov.b32 %r11, 4;\nmov.b32 %r12, -1;\n"
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%rd4, {%r10, %r11, %r12}], [%r3];\n"
      "W:\nmbarrier.try_wait.parity.acquire.cta.shared::cta.b64 %p2, [%r3], 0;\n@!%p2 bra W;\nmov.u32 %r19, %r1;\n"
      "F:\nshl.b32 %r20, %r19, 2;\nadd.s32 %r21, %r2, %r20;\nld.shared.u32 %r22, [%r21];\nxor.b32 %r22, %r22, 0x5a5a;\nst.shared.u32 [%r21], %r22;\nadd.s32 %r19, %r19, 64;\n"
      "setp.lt.u32 %p3, %r19, 192;\n@%p3 bra F;\nfence.proxy.async.shared::cta;\nbar.sync 0;\n@%p1 bra E;\nmov.b32 %r13, -4;\nmov.b32 %r14, 2;\nmov.b32 %r15, 2;\n"
      "cp.async.bulk.tensor.3d.global.shared::cta.bulk_group [%rd6, {%r13, %r14, %r15}], [%r2];\ncp.async.bulk.commit_group;\ncp.async.bulk.wait_group 0;\nE:\n",
      ".param .align 64 .b8 map_in[128], .param .align 64 .b8 map_out[128]", 90, ".shared .align 1024 .b8 buffer[1024];\n.shared .align 8 .b8 bar[8];");
  made.config.threads = 64;
  made.memory = {words(24 * 7 * 5, 1, 7), words(20 * 6 * 5, 0, 0)};
  const auto map = [](std::uint64_t index, std::uint64_t columns, std::uint64_t rows, std::uint64_t layers) {
    TensorMapConfig config;
    config.type = TensorType::kF32;
    config.rank = 3;
    config.address = index;
    config.dims[0] = columns, config.dims[1] = rows, config.dims[2] = layers;
    config.strides[0] = columns * 4, config.strides[1] = columns * rows * 4;
    config.box[0] = 16, config.box[1] = 4, config.box[2] = 3;
    config.swizzle = TensorSwizzle::k64B;
    return config;
  };
  made.maps = {map(0, 24, 7, 5), map(1, 20, 6, 5)};
  return made;
}

}  // namespace

Expected<std::vector<Subject>> asynchronous_subjects() {
  BSGEN_ASSIGN(Kernel gemm, wgmma_gemm());
  std::vector<Subject> subjects;
  subjects.push_back(subject_of(std::move(gemm), "wgmma"));
  subjects.push_back(subject_of(tensor_copy(), "async"));
  const auto cluster = [](std::uint32_t ctas) { return LaunchConfig{.grid_x = ctas, .grid_y = 1, .grid_z = 1, .threads = 32, .shared_bytes = 0, .cluster_x = ctas, .cluster_y = 1, .cluster_z = 1}; };
  const auto pipeline = [](const std::string& body) { return sim::test::kernel_text(body, ".param .u64 in, .param .u64 out", 90, sim::test::kPipelineShared); };
  const struct { const char* name; std::string ptx; LaunchConfig config; } micro[] = {
      {"async-there-and-back", async_kernel(sim::test::kThereAndBack), cluster(1)},
      {"async-shared-to-shared", async_kernel(sim::test::kSharedToShared), cluster(1)},
      {"async-exchange", async_kernel(sim::test::kExchange), cluster(2)},
      {"async-remote-arrival", async_kernel(sim::test::kRemoteArrival), cluster(2)},
      {"async-multicast", async_kernel(sim::test::kMulticast), cluster(4)},
      {"async-store", async_kernel(sim::test::kAsyncStore), cluster(2)},
      {"async-pipeline", pipeline(sim::test::pipeline()), {.grid_x = 1, .grid_y = 1, .grid_z = 1, .threads = 128}},
      {"async-copy-arrive", pipeline(sim::test::copy_arrive(".noinc")), {.grid_x = 1, .grid_y = 1, .grid_z = 1, .threads = 64}},
  };
  for (const auto& one : micro) {
    Kernel kernel;
    kernel.name = one.name, kernel.ptx = one.ptx, kernel.config = one.config;
    kernel.memory = {words(256, 1000, 3), words(1024, 0, 0)};
    subjects.push_back(subject_of(std::move(kernel), "async"));
  }
  return subjects;
}

}  // namespace bsgen::mutation
