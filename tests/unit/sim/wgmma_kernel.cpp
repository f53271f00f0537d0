#include "tests/unit/sim/wgmma_kernel.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "runtime/sim/exec/memory_map.h"
#include "tests/support/catch.h"

namespace bsgen::sim::test {
namespace {

constexpr int kRegisters = 4;  // of A's fragment

bool half_results(const WgmmaCase& what) {
  return what.types.substr(0, 3) == "f16";
}

}  // namespace

// Groups of 8 rows (K-major: of M or N, MN-major: of k) of `swizzle` bytes are the pattern; the groups of an operand lie one after
// the other. Without swizzle a row has 16 bytes.
std::uint32_t Tile::leading() const {
  const int per_row = swizzle / element_bytes;
  if (!mn_major) return static_cast<std::uint32_t>(swizzle == 16 ? (rows + 7) / 8 * 128 : 16);
  if (swizzle == 16) return static_cast<std::uint32_t>((rows + 7) / 8 * 128);
  (void)per_row;
  return static_cast<std::uint32_t>(8 * swizzle);
}
std::uint32_t Tile::stride() const {
  const int per_row = swizzle / element_bytes;
  if (!mn_major) return static_cast<std::uint32_t>(8 * swizzle);
  if (swizzle == 16) return 128;
  return static_cast<std::uint32_t>(8 * swizzle * ((rows + per_row - 1) / per_row));
}

std::uint32_t Tile::offset(int row, int k) const {
  const int line = mn_major ? k % 8 : row % 8;             // within the pattern
  const int along = (mn_major ? row : k) * element_bytes;  // bytes along the contiguous direction
  // What the pattern does to chunk c of line i: 128B c ^ i, 64B c ^ i / 2, 32B c ^ i / 4.
  const int shift = swizzle == 128 ? 0 : swizzle == 64 ? 1 : 2;
  const int chunk = swizzle == 16 ? 0 : (along % swizzle / 16) ^ (line >> shift);
  const int in_pattern = line * swizzle + chunk * 16 + along % 16;
  if (mn_major) {
    if (swizzle == 16)
      return static_cast<std::uint32_t>(row / 8) * stride() + static_cast<std::uint32_t>(k / 8) * leading() + static_cast<std::uint32_t>(in_pattern);
    return static_cast<std::uint32_t>(along / swizzle) * leading() + static_cast<std::uint32_t>(k / 8) * stride() +
           static_cast<std::uint32_t>(in_pattern);
  }
  if (swizzle == 16)
    return static_cast<std::uint32_t>(row / 8) * stride() + static_cast<std::uint32_t>(along / 16) * leading() +
           static_cast<std::uint32_t>(in_pattern);
  const int pattern_rows = (rows + 7) / 8;  // the next `swizzle` bytes of k lie behind all rows
  return static_cast<std::uint32_t>(along / swizzle * pattern_rows + row / 8) * static_cast<std::uint32_t>(8 * swizzle) +
         static_cast<std::uint32_t>(in_pattern);
}

std::uint32_t Tile::bytes() const {
  std::uint32_t last = 0;
  for (int row = 0; row < rows; ++row)
    for (int k = 0; k < depth; ++k) last = std::max(last, offset(row, k));
  return (last / 1024 + 1) * 1024;
}

std::uint64_t Tile::descriptor(std::uint32_t shared_address, int step) const {
  const int k = step * 32 / element_bytes;
  std::uint32_t start;
  if (mn_major) {
    start = shared_address + static_cast<std::uint32_t>(k / 8) * (swizzle == 16 ? leading() : stride());
  } else if (swizzle == 16) {
    start = shared_address + static_cast<std::uint32_t>(2 * step) * leading();
  } else {
    const int per_pattern = swizzle / 32;
    start = shared_address + static_cast<std::uint32_t>(step / per_pattern * ((rows + 7) / 8) * 8 * swizzle + step % per_pattern * 32);
  }
  const std::uint64_t mode = swizzle == 16 ? 0 : swizzle == 128 ? 1 : swizzle == 64 ? 2 : 3;
  return (start & 0x3ffff) >> 4 | std::uint64_t{leading() >> 4} << 16 | std::uint64_t{stride() >> 4} << 32 | mode << 62;
}

int d_registers(const WgmmaCase& what) {
  return half_results(what) ? what.n / 4 : what.n / 2;
}

Place place_of_d(const WgmmaCase& what, int row, int column) {
  const int thread = row / 16 * 32 + row % 8 * 4 + column % 8 / 2, upper = row % 16 / 8;
  if (half_results(what)) return {thread, 2 * (column / 8) + upper, column % 2};
  return {thread, 4 * (column / 8) + 2 * upper + column % 2, 0};
}

std::string wgmma_text(const WgmmaCase& what) {
  const std::uint32_t a_bytes = what.a.bytes(), total = a_bytes + what.b.bytes();
  const int num_d = d_registers(what);
  const bool is_float = what.types.substr(0, 3) == "f32", integers = what.types[0] == 's';
  const char* const d_type = is_float ? "f32" : "b32";
  const std::string d_prefix = is_float ? "%f" : "%q";
  const auto list = [](const std::string& prefix, int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += fmt::format("{}{}{}", i == 0 ? "{" : ", ", prefix, i);
    return text + "}";
  };
  std::string text = fmt::format(
      ".version 8.0\n.target sm_90a\n.address_size 64\n.extern .shared .align 1024 .b8 smem[];\n"
      ".visible .entry k(.param .u64 image, .param .u64 a, .param .u64 d)\n{{\n.reg .pred %p<8>;\n.reg .b32 %r<32>;\n.reg .b32 %a<{}>;\n.reg .{} "
      "{}<{}>;\n.reg .b64 %rd<32>;\n"
      "mov.u32 %r1, %tid.x;\nld.param.u64 %rd1, [image];\nmul.wide.u32 %rd2, %r1, 16;\nadd.s64 %rd1, %rd1, %rd2;\nmov.u32 %r2, smem;\nshl.b32 %r3, "
      "%r1, 4;\nadd.s32 %r2, %r2, %r3;\n"
      "mov.u32 %r4, %r3;\nCOPY:\nld.global.v4.u32 {{%r10, %r11, %r12, %r13}}, [%rd1];\nst.shared.v4.u32 [%r2], {{%r10, %r11, %r12, %r13}};\nadd.s64 "
      "%rd1, %rd1, 2048;\n"
      "add.s32 %r2, %r2, 2048;\nadd.s32 %r4, %r4, 2048;\nsetp.lt.u32 %p1, %r4, {};\n@%p1 bra COPY;\n",
      kRegisters * what.num_steps, d_type, d_prefix, num_d, total);
  text += fmt::format("ld.param.u64 %rd3, [d];\nmul.wide.u32 %rd4, %r1, {};\nadd.s64 %rd3, %rd3, %rd4;\n", 4 * num_d);
  for (int i = 0; i < num_d; ++i) text += fmt::format("ld.global.{} {}{}, [%rd3+{}];\n", d_type, d_prefix, i, 4 * i);
  if (what.a_from_registers) {
    text += fmt::format("ld.param.u64 %rd5, [a];\nmul.wide.u32 %rd6, %r1, {};\nadd.s64 %rd5, %rd5, %rd6;\n", 4 * kRegisters * what.num_steps);
    for (int i = 0; i < kRegisters * what.num_steps; ++i) text += fmt::format("ld.global.b32 %a{}, [%rd5+{}];\n", i, 4 * i);
  }
  text += "fence.proxy.async.shared::cta; bar.sync 0;\n" + what.before_multiply;
  for (int step = 0; step < what.num_steps; ++step) {
    text += fmt::format("mov.b64 %rd10, {};\nmov.b64 %rd11, {};\nsetp.ne.b32 %p2, {}, 0;\n", what.a.descriptor(kSharedBase, step),
                        what.b.descriptor(kSharedBase + a_bytes, step), step > 0 || what.accumulate ? 1 : 0);
    std::string a = "%rd10";
    if (what.a_from_registers) a = fmt::format("{{%a{}, %a{}, %a{}, %a{}}}", 4 * step, 4 * step + 1, 4 * step + 2, 4 * step + 3);
    std::string tail = integers ? std::string() : fmt::format(", {}, {}", what.scale_a, what.scale_b);
    if (what.a.element_bytes == 2) {
      if (!what.a_from_registers) tail += fmt::format(", {}", what.a.mn_major ? 1 : 0);
      tail += fmt::format(", {}", what.b.mn_major ? 1 : 0);
    }
    text += fmt::format("wgmma.mma_async.sync.aligned.m64n{}k{}.{} {}, {}, %rd11, %p2{};\n", what.n, 32 / what.a.element_bytes, what.types,
                        list(d_prefix, num_d), a, tail);
  }
  text += what.after_multiply;
  for (int i = 0; i < num_d; ++i) text += fmt::format("st.global.{} [%rd3+{}], {}{};\n", d_type, 4 * i, d_prefix, i);
  text += "ret;\n}\n";
  if (!what.from.empty()) {
    REQUIRE(text.find(what.from) != std::string::npos);
    text.replace(text.find(what.from), what.from.size(), what.to);
  }
  return text;
}

int line_of(const std::string& text, const std::string& part, int which) {
  std::size_t at = text.find(part);
  for (; which > 0; --which) at = text.find(part, at + 1);
  REQUIRE(at != std::string::npos);
  return 1 + static_cast<int>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

WgmmaRun run_wgmma(const WgmmaCase& what, const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b,
                   const std::vector<std::uint32_t>& d) {
  const std::uint32_t a_bytes = what.a.bytes(), total = a_bytes + what.b.bytes();
  std::vector<std::uint8_t> image(total + 2048);
  const auto put = [&](const Tile& tile, const std::vector<std::uint32_t>& from, std::uint32_t base) {
    for (int row = 0; row < tile.rows; ++row)
      for (int k = 0; k < tile.depth; ++k)
        std::memcpy(&image[base + tile.offset(row, k)], &from[static_cast<std::size_t>(row * tile.depth + k)],
                    static_cast<std::size_t>(tile.element_bytes));
  };
  put(what.a, a, 0);
  put(what.b, b, a_bytes);
  // The A fragment: register 2 h + i of thread t holds row 16 w + g + 8 i, bytes 16 h + 4 (t % 4) of k.
  std::vector<std::uint32_t> fragment(static_cast<std::size_t>(what.num_threads * kRegisters * what.num_steps));
  for (std::size_t i = 0; i < fragment.size(); ++i) {
    const int thread = static_cast<int>(i) / (kRegisters * what.num_steps), reg = static_cast<int>(i) % (kRegisters * what.num_steps);
    const int row = thread / 32 % 4 * 16 + thread % 32 / 4 + 8 * (reg % 2), byte = reg / 4 * 32 + reg % 4 / 2 * 16 + thread % 4 * 4;
    for (int e = 0; e < 4 / what.a.element_bytes; ++e)
      fragment[i] |= a[static_cast<std::size_t>(row * what.a.depth + byte / what.a.element_bytes + e)] << (8 * what.a.element_bytes * e);
  }
  auto sim = device("sm_90a", what.timing);
  const auto di = *sim->allocate(image.size()), da = *sim->allocate(fragment.size() * 4), dd = *sim->allocate(d.size() * 4);
  REQUIRE((sim->copy_in(di.address(), std::as_bytes(std::span(image))).ok() && sim->copy_in(da.address(), std::as_bytes(std::span(fragment))).ok() &&
           sim->copy_in(dd.address(), std::as_bytes(std::span(d))).ok()));
  WgmmaRun made;
  made.launched = launch(*sim, wgmma_text(what), {.threads = static_cast<std::uint32_t>(what.num_threads)},
                         {di.address(), da.address(), dd.address()}, total + 2048);
  made.d.resize(d.size());
  REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(made.d)), dd.address()).ok());
  return made;
}

}  // namespace bsgen::sim::test
