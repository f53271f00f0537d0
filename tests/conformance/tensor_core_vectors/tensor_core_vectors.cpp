// The tensor-core model against results that real GPUs returned, bit for bit: through the scalar
// model and through the mma functions of every instruction set of this machine.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <filesystem>

#include "runtime/sim/exec/fp_convert.h"
#include "runtime/sim/exec/tensor_core.h"
#include "runtime/sim/exec/tensor_core_tile.h"
#include "runtime/sim/exec/tensor_core_wgmma.h"
#include "tests/conformance/tensor_core_vectors/recorded_vectors.h"
#include "tests/support/catch.h"

namespace bsgen::sim {
namespace {

// C as the instruction takes it: the Hopper fp8 vectors were recorded with C = 0, float16
// accumulators hold a rounded one.
float accumulator(const RecordedFile& file, const RecordedDot& dot) {
  if (is_fp8(file.type) && file.gpu == "h200") return 0.f;
  return file.acc == AccType::kF16 ? f16_to_f32(f32_to_f16(dot.c)) : dot.c;
}

float through_model(const RecordedFile& file, const RecordedDot& dot,
                    const TensorCoreModel& model) {
  const int k = static_cast<int>(dot.a.size()), step = step_of(file.type, model, k);
  float sum = accumulator(file, dot);
  for (int i = 0; i < k; i += step) {
    sum = dot_step(file.type, file.acc, &dot.a[i], &dot.b[i], step, sum,
                   fraction_bits_of(file.type, model));
  }
  return sum;
}

std::uint32_t encode(MmaType type, float x) {
  switch (type) {
    case MmaType::kF16:
      return f32_to_f16(x);
    case MmaType::kBf16:
      return f32_to_bf16(x);
    case MmaType::kTf32:
      return bits_of(x);
    case MmaType::kE4m3:
      return f32_to_e4m3(x);
    case MmaType::kE5m2:
      return f32_to_e5m2(x);
  }
  return 0;
}

// Output (i, i) of one mma is the i-th of eight recorded dot products, with its k from `k0` on and
// zeros elsewhere.
void through_mma(const RecordedFile& file, const RecordedDot* dots, int count, int k0,
                 MmaFunction mma, const TensorCoreModel& model, float* results) {
  alignas(64) std::uint32_t a[4][32] = {}, b[2][32] = {}, c[4][32] = {}, d[4][32] = {};
  const int e = per_register(file.type), bits = 32 / e;
  for (int i = 0; i < count; ++i) {
    for (int k = 0; k < static_cast<int>(dots[i].a.size()); ++k) {
      const FragmentIndex at_a = a_index(e, i, k0 + k), at_b = b_index(e, k0 + k, i);
      a[at_a.reg][at_a.lane] |= encode(file.type, dots[i].a[k]) << (bits * at_a.element);
      b[at_b.reg][at_b.lane] |= encode(file.type, dots[i].b[k]) << (bits * at_b.element);
    }
    const FragmentIndex at = c_index(file.acc, i, i);
    const float value = accumulator(file, dots[i]);
    c[at.reg][at.lane] |= file.acc == AccType::kF32
                              ? bits_of(value)
                              : std::uint32_t{f32_to_f16(value)} << (16 * at.element);
  }
  const Lanes pa[4] = {a[0], a[1], a[2], a[3]}, pb[2] = {b[0], b[1]},
              pc[4] = {c[0], c[1], c[2], c[3]};
  const MutableLanes pd[4] = {d[0], d[1], d[2], d[3]};
  mma(pa, pb, pc, pd, model);
  for (int i = 0; i < count; ++i) {
    const FragmentIndex at = c_index(file.acc, i, i);
    const std::uint32_t word = d[at.reg][at.lane];
    results[i] = file.acc == AccType::kF32
                     ? f32_of(word)
                     : f16_to_f32(static_cast<std::uint16_t>(word >> (16 * at.element)));
  }
}

// The same through one warp's part of a wgmma, which only Hopper has.
WgmmaFunction current_wgmma = nullptr;
void wgmma_as_mma(const Lanes* a, const Lanes* b, const Lanes* c, const MutableLanes* d,
                  const TensorCoreModel& model) {
  alignas(64) FragmentLanes left[4], right[1][2];
  for (int r = 0; r < 4; ++r) std::copy_n(a[r], 32, left[r]);
  for (int r = 0; r < 2; ++r) std::copy_n(b[r], 32, right[0][r]);
  for (int r = 0; r < 4; ++r) std::copy_n(c[r], 32, d[r]);  // D is its own addend
  current_wgmma(left, right, 1, d, true, model);
}

int count_through_wgmma(const RecordedFile& file, Isa isa, const TensorCoreModel& model) {
  current_wgmma = wgmma_function({file.type, file.type, file.acc}, isa);
  REQUIRE(current_wgmma != nullptr);
  int equal = 0;
  for (std::size_t i = 0; i < file.dots.size(); i += 8) {
    const int count = static_cast<int>(std::min<std::size_t>(8, file.dots.size() - i));
    float results[8];
    through_mma(file, &file.dots[i], count, 0, &wgmma_as_mma, model, results);
    for (int j = 0; j < count; ++j) equal += bits_of(results[j]) == bits_of(file.dots[i + j].d);
  }
  return equal;
}

int count_through_mma(const RecordedFile& file, Isa isa, int shape_k, int k0,
                      const TensorCoreModel& model) {
  const MmaFunction mma = mma_function({file.type, file.type, file.acc, shape_k}, isa);
  REQUIRE(mma != nullptr);
  int equal = 0;
  for (std::size_t i = 0; i < file.dots.size(); i += 8) {
    const int count = static_cast<int>(std::min<std::size_t>(8, file.dots.size() - i));
    float results[8];
    through_mma(file, &file.dots[i], count, k0, mma, model, results);
    for (int j = 0; j < count; ++j) equal += bits_of(results[j]) == bits_of(file.dots[i + j].d);
  }
  return equal;
}

// B200's fp8 results do not follow any published model: listed, neither passed nor failed.
bool is_open(const RecordedFile& file) {
  return file.gpu == "b200" && is_fp8(file.type);
}

TEST_CASE("tensor_core_vectors") {
  const char* data = std::getenv("BSGEN_TEST_DATA");
  const std::filesystem::path folder =
      std::filesystem::path(data ? data : "") / "tensor-core-vectors";
  if (data == nullptr)
    BSGEN_SKIP("BSGEN_TEST_DATA is not set; the recorded vectors are not part of this repository");
  if (!std::filesystem::is_directory(folder))
    BSGEN_SKIP(fmt::format("{} does not exist", folder.string()));

  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".gz") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  REQUIRE_FALSE(paths.empty());
  for (const auto& path : paths) {
    const Expected<RecordedFile> read = read_recorded(path);
    INFO((read ? "" : read.status().message()));
    REQUIRE(read);
    const RecordedFile& file = *read;
    const TensorCoreModel model = tensor_core_model(file.arch);
    const int total = static_cast<int>(file.dots.size()),
              k = static_cast<int>(file.dots[0].a.size());
    const bool open = is_open(file);
    bool with_wgmma = false;
    CHECK(model.confirmed);

    int equal = 0;
    for (const RecordedDot& dot : file.dots)
      equal += bits_of(through_model(file, dot, model)) == bits_of(dot.d);
    std::string line = fmt::format("{:<16} model {}/{}", file.name, equal, total);
    INFO(file.name);
    if (!open) CHECK(equal == total);
    for (const Isa isa : {Isa::kBaseline, Isa::kAvx2, Isa::kAvx512}) {
      if (!isa_available(isa)) {
        line += fmt::format(", {} not on this machine", name(isa));
        continue;
      }
      // The instruction of exactly this k, and the next larger one with the recorded k in its lower
      // and its upper part.
      int worst = total;
      for (int shape_k : {k, 2 * k}) {
        if (mma_function({file.type, file.type, file.acc, shape_k}, isa) == nullptr) continue;
        for (int k0 = 0; k0 + k <= shape_k; k0 += k) {
          worst = std::min(worst, count_through_mma(file, isa, shape_k, k0, model));
        }
      }
      if (file.arch.number == 90 && k <= wgmma_depth(file.type)) {
        worst = std::min(worst, count_through_wgmma(file, isa, model));
        with_wgmma = true;
      }
      line += fmt::format(", {} {}/{}", name(isa), worst, total);
      INFO(name(isa));
      CHECK(worst == equal);
    }
    if (with_wgmma) line += ", and by wgmma";
    if (open)
      line += fmt::format("  open: {:.1f} percent, no published model fits", 100.0 * equal / total);
    fmt::print("{}\n", line);
  }
}

}  // namespace
}  // namespace bsgen::sim
