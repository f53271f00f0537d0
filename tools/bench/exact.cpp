// Exact: the tensor-core model against dot products that GPUs returned
// ($BSGEN_TEST_DATA/tensor-core-vectors).
#include <fmt/format.h>

#include <bit>
#include <filesystem>
#include <map>

#include "runtime/sim/exec/fp_convert.h"
#include "runtime/sim/exec/tensor_core_tile.h"
#include "tests/conformance/tensor_core_vectors/recorded_vectors.h"
#include "tools/bench/figures.h"

namespace bsgen::bench {
namespace {

constexpr const char* kArea = "exact";
constexpr const char* kWhat = "tensor-core dot products against recordings";
constexpr const char* kAsked = "all of A100, Ada and H200, bit for bit";

// As the conformance test takes it: the H200 fp8 vectors were recorded with C = 0, and fp16
// accumulators hold a rounded C.
std::size_t count_equal(const sim::RecordedFile& file) {
  const sim::TensorCoreModel model = sim::tensor_core_model(file.arch);
  std::size_t equal = 0;
  for (const sim::RecordedDot& dot : file.dots) {
    float sum = file.acc == sim::AccType::kF16 ? sim::f16_to_f32(sim::f32_to_f16(dot.c)) : dot.c;
    if (sim::is_fp8(file.type) && file.gpu == "h200") sum = 0;
    const int k = static_cast<int>(dot.a.size()), step = sim::step_of(file.type, model, k);
    for (int i = 0; i < k; i += step)
      sum = sim::dot_step(file.type, file.acc, &dot.a[i], &dot.b[i], step, sum,
                          sim::fraction_bits_of(file.type, model));
    equal += std::bit_cast<std::uint32_t>(sum) == std::bit_cast<std::uint32_t>(dot.d);
  }
  return equal;
}

}  // namespace

std::vector<Figure> exact(const SuiteOptions& options) {
  const std::filesystem::path folder =
      std::filesystem::path(options.test_data) / "tensor-core-vectors";
  std::error_code ignored;
  if (options.test_data.empty() || !std::filesystem::is_directory(folder, ignored))
    return {not_measured(kArea, kWhat, kAsked,
                         "the recordings are not here; BSGEN_TEST_DATA names the folder that holds "
                         "tensor-core-vectors")};

  std::map<std::string, std::pair<std::size_t, std::size_t>> of_gpu;  // equal, all
  std::size_t asked_equal = 0, asked_all = 0, files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    if (entry.path().extension() != ".gz") continue;
    const auto file = sim::read_recorded(entry.path());
    if (!file) return {not_measured(kArea, kWhat, kAsked, file.status().message())};
    const std::size_t equal = count_equal(*file);
    auto& sum = of_gpu[file->gpu];
    sum.first += equal, sum.second += file->dots.size(), ++files;
    if (file->gpu != "b200") asked_equal += equal, asked_all += file->dots.size();
  }
  if (asked_all == 0)
    return {not_measured(kArea, kWhat, kAsked, folder.string() + " holds no recording")};
  std::string measured;
  Figure figure{
      kArea,
      kWhat,
      kAsked,
      "",
      asked_equal == asked_all ? Verdict::kOk : Verdict::kMissed,
      fmt::format("{} files; B200 is not asked for, its fp8 arithmetic is an open question",
                  files)};
  for (const auto& [gpu, sum] : of_gpu) {
    measured +=
        fmt::format("{}{} {} of {}", measured.empty() ? "" : ", ", gpu, sum.first, sum.second);
    figure.values.emplace_back(gpu + "_equal", static_cast<double>(sum.first));
    figure.values.emplace_back(gpu + "_all", static_cast<double>(sum.second));
  }
  figure.measured = measured;
  return {figure};
}

}  // namespace bsgen::bench
