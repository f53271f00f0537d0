// A kernel that copies through a tensor map and shows all of its shared memory, for tests that compare it with their own walk over elements.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {

inline constexpr std::uint32_t kWords = 4096;  // of shared memory that a kernel shows

// The map, then `out` of the kernel below.
inline std::vector<std::uint64_t> parameters(const TensorMap& map, std::uint64_t out) {
  std::vector<std::uint64_t> made(17);
  std::memcpy(made.data(), map.bytes, sizeof map.bytes);
  made[16] = out;
  return made;
}
inline std::string coordinates(const std::vector<std::int32_t>& at, std::string& names) {
  std::string text;
  for (std::size_t i = 0; i < at.size(); ++i) {
    text += fmt::format("mov.b32 %r{}, {};\n", 10 + i, at[i]);
    names += fmt::format("{}%r{}", i == 0 ? "" : ", ", 10 + i);
  }
  return text;
}
inline constexpr const char* kParameters = ".param .align 64 .b8 map[128], .param .u64 out";
inline constexpr const char* kShared = ".shared .align 1024 .b8 buffer[16384];\n.shared .align 8 .b8 bar[8];";
inline constexpr const char* kStart = "mov.u32 %r1, %tid.x;\nld.param.u64 %rd2, [out];\nmov.u32 %r2, buffer;\nmov.u32 %r3, bar;\nmov.b64 %rd3, map;\ncvta.param.u64 %rd4, %rd3;\n";
// Every word of the buffer goes to `out`.
inline constexpr const char* kShow =
    "S:\nshl.b32 %r20, %r1, 2;\nadd.s32 %r21, %r2, %r20;\nld.shared.u32 %r22, [%r21];\ncvt.u64.u32 %rd5, %r20;\nadd.s64 %rd6, %rd2, %rd5;\n"
    "st.global.u32 [%rd6], %r22;\nadd.s32 %r1, %r1, 32;\nsetp.lt.u32 %p3, %r1, 4096;\n@%p3 bra S;\n";
inline constexpr const char* kFill = "mov.u32 %r19, %r1;\nF:\nshl.b32 %r20, %r19, 2;\nadd.s32 %r21, %r2, %r20;\nxor.b32 %r22, %r19, 0x5a5a0000;\nst.shared.u32 [%r21], %r22;\nadd.s32 %r19, %r19, 32;\nsetp.lt.u32 %p3, %r19, 4096;\n@%p3 bra F;\n";

struct Tensor {
  TensorMapConfig config;
  std::vector<std::uint8_t> data;  // as it lies in memory, from config.address on
};
// Dimensions with strides that leave gaps; data that differs everywhere.
inline Tensor make_tensor(TensorType type, const std::vector<std::uint64_t>& dims, const std::vector<std::uint32_t>& box, TensorSwizzle swizzle) {
  Tensor made;
  TensorMapConfig& c = made.config;
  c.type = type;
  c.rank = static_cast<int>(dims.size());
  c.swizzle = swizzle;
  std::uint64_t stride = dims[0] * static_cast<std::uint64_t>(element_bytes(type));
  for (std::size_t d = 0; d < dims.size(); ++d) {
    c.dims[d] = dims[d];
    c.box[d] = box[d];
    if (d == 0) continue;
    stride = (stride + 15) / 16 * 16 + 16;
    c.strides[d - 1] = stride;
    stride *= dims[d];
  }
  made.data.resize(stride + 64);
  for (std::size_t i = 0; i < made.data.size(); ++i) made.data[i] = static_cast<std::uint8_t>(i * 167 + i / 251 + 1);
  return made;
}

// Where byte `at` of the dense box lies, by the tables of the PTX ISA ("Swizzling Modes"): chunks of a 128-byte line change places with the line.
inline std::uint32_t place(std::uint32_t at, TensorSwizzle swizzle) {
  const std::uint32_t line = at / 128, chunk = at / 16 % 8;
  std::uint32_t moved = chunk;
  switch (swizzle) {
    case TensorSwizzle::k32B: moved = chunk ^ (line % 2); break;
    case TensorSwizzle::k64B: moved = chunk ^ (line % 4); break;
    case TensorSwizzle::k128B: moved = chunk ^ (line % 8); break;
    case TensorSwizzle::k128BAtom32B: moved = ((chunk / 2) ^ (line % 4)) * 2 + chunk % 2; break;
    case TensorSwizzle::k128BAtom64B: moved = ((chunk / 4) ^ (line % 2)) * 4 + chunk % 4; break;
    default: break;
  }
  return line * 128 + moved * 16 + at % 16;
}

// What the shared memory of the kernel below holds where nothing was copied.
inline std::vector<std::uint8_t> untouched() {
  std::vector<std::uint8_t> bytes(kWords * 4);
  for (std::uint32_t i = 0; i < kWords; ++i) {
    const std::uint32_t word = i ^ 0x5a5a0000;
    std::memcpy(bytes.data() + 4 * i, &word, 4);
  }
  return bytes;
}

struct TensorLoad {
  std::vector<std::int32_t> coordinates;
  std::uint32_t offset = 0;         // in shared memory
  std::uint32_t bytes = 0;          // that the mbarrier expects
  std::string mode = {};            // ".im2col"
  std::vector<int> offsets = {};    // of im2col
  int rank = 0;                     // 0: as many as coordinates
  int target = 90;
};
struct TensorRun {
  Launched launched;
  std::vector<std::uint8_t> shared;
};
// One thread copies what `load` says of the tensor; then all of the shared memory comes back.
inline TensorRun load_tensor(Tensor t, const TensorLoad& load, Timing timing) {
  auto sim = device(fmt::format("sm_{}", load.target), timing, 1);
  const auto memory = *sim->allocate(t.data.size()), out = *sim->allocate(kWords * 4);
  REQUIRE(sim->copy_in(memory.address(), std::as_bytes(std::span(t.data))).ok());
  t.config.address = memory.address();
  const auto map = sim->encode_tensor_map(t.config);
  INFO(map.status().message());
  REQUIRE(map.ok());
  std::string names, offset_names;
  std::string set = coordinates(load.coordinates, names);
  for (std::size_t i = 0; i < load.offsets.size(); ++i) {
    set += fmt::format("mov.u16 %rs{}, {};\n", 10 + i, load.offsets[i]);
    offset_names += fmt::format("{}%rs{}", i == 0 ? "" : ", ", 10 + i);
  }
  if (!offset_names.empty()) offset_names = ", {" + offset_names + "}";
  // The copy stands in line 46.
  std::string body = fmt::format(
      "{}{}setp.ne.u32 %p1, %r1, 0;\nfence.proxy.async.shared::cta;\nbar.sync 0;\n@%p1 bra W;\n"
      "mbarrier.init.shared::cta.b64 [%r3], 1;\nfence.mbarrier_init.release.cluster;\n{}", kStart, kFill, set);
  for (auto lines = std::count(body.begin(), body.end(), '\n'); lines < 30; ++lines) body += "\n";
  body += fmt::format(
      "mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%r3], {};\n"
      "cp.async.bulk.tensor.{}d.shared::cluster.global{}.mbarrier::complete_tx::bytes [%r2+{}], [%rd4, {{{}}}], [%r3]{};\n"
      "W:\nbar.sync 0;\nL:\nmbarrier.try_wait.parity.acquire.cta.shared::cta.b64 %p2, [%r3], 0;\n@!%p2 bra L;\n{}",
      load.bytes, load.rank == 0 ? static_cast<int>(load.coordinates.size()) : load.rank, load.mode, load.offset, names, offset_names, kShow);
  TensorRun run;
  run.launched = launch(*sim, kernel_text(body, kParameters, load.target, kShared), {.threads = 32}, parameters(*map, out.address()));
  INFO(run.launched.status.message());
  run.shared.resize(kWords * 4);
  REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(run.shared)), out.address()).ok());
  return run;
}

}  // namespace bsgen::sim::test
