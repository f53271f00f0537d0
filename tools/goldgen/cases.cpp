#include "tools/goldgen/cases.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "tools/goldgen/draw.h"

namespace bsgen::goldens {

std::string registers(const char* prefix, int first, int count) {
  std::string text = "{";
  for (int i = 0; i < count; ++i) text += fmt::format("{}%{}{}", i ? ", " : "", prefix, first + i);
  return text + "}";
}

std::size_t Case::input_words() const {
  return memory_words > 0 ? memory_words : static_cast<std::size_t>(tiles) * static_cast<std::size_t>(threads) * inputs.size();
}
std::size_t Case::words() const {
  return output_words > 0 ? output_words : static_cast<std::size_t>(tiles) * static_cast<std::size_t>(threads) * static_cast<std::size_t>(outputs);
}

std::vector<Case> cases_for(const Arch& arch) {
  std::vector<Case> able;
  for (auto* part : {&matrix_cases, &wgmma_cases, &scalar_cases, &copy_cases})
    for (Case& c : part()) {
      const bool plain = std::all_of(c.inputs.begin(), c.inputs.end(), [](Draw d) { return d == Draw::kBits || d == Draw::kIndex; });
      if (plain && c.spread != Spread::kNormal) continue;  // spreads are about floats
      if (arch.number < c.min_sm || arch.number > c.max_sm || (c.own_arch && arch.name() != "sm_90a")) continue;
      able.push_back(std::move(c));
    }
  return able;
}

std::string kernel_of(const Case& c, const Arch& arch) {
  const bool memory = c.memory_words > 0 || c.output_words > 0;
  const auto inputs = memory ? 0 : static_cast<int>(c.inputs.size());
  const int outputs = memory ? 0 : c.outputs;
  const char* const version = arch.number >= 100 ? "8.7" : arch.number >= 89 ? "8.4" : "7.8";
  std::string text = fmt::format(".version {}\n.target {}\n.address_size 64\n", version, arch.name());
  text += fmt::format(".visible .entry k(.param .align 64 .b8 p[{}]) {{\n", c.map ? 192 : 16);
  text +=
      fmt::format(".reg .b32 %i<{}>, %o<{}>, %x<32>, %r<8>;\n.reg .f32 %f<32>;\n.reg .b16 %h<32>;\n.reg .pred %p<32>;\n.reg .b64 %d<8>, %rd<8>;\n",
                  inputs + 1, outputs + 1);
  if (c.shared_bytes > 0) text += fmt::format(".shared .align 1024 .b8 tile[{}];\n", c.shared_bytes);
  text += "ld.param.u64 %rd0, [p];\nld.param.u64 %rd1, [p+8];\nmov.u32 %r0, %ctaid.x;\nmov.u32 %x31, %tid.x;\n";
  if (c.map) text += "mov.b64 %rd3, p;\ncvta.param.u64 %rd2, %rd3;\nadd.s64 %rd2, %rd2, 64;\n";
  if (memory) return text + c.body + "\nret;\n}\n";
  text += fmt::format("mad.lo.s32 %r1, %r0, {}, %x31;\nmad.wide.u32 %rd4, %r1, 4, %rd0;\n", inputs * c.threads);
  text += fmt::format("mad.lo.s32 %r2, %r0, {}, %x31;\nmad.wide.u32 %rd5, %r2, 4, %rd1;\n", outputs * c.threads);
  for (int i = 0; i < inputs; ++i) text += fmt::format("ld.global.b32 %i{}, [%rd4+{}];\n", i, i * c.threads * 4);
  text += c.body + "\n";
  for (int i = 0; i < outputs; ++i) text += fmt::format("st.global.b32 [%rd5+{}], %o{};\n", i * c.threads * 4, i);
  return text + "ret;\n}\n";
}

std::vector<std::uint32_t> inputs_of(const Case& c) {
  const Drawer drawer(c.name, c.spread);
  std::vector<std::uint32_t> all(c.input_words());
  const std::size_t threads = c.memory_words > 0 ? all.size() : static_cast<std::size_t>(c.threads);
  for (std::size_t place = 0; place < all.size(); ++place) all[place] = drawer.word(c.inputs[place / threads % c.inputs.size()], place);
  return all;
}

}  // namespace bsgen::goldens
