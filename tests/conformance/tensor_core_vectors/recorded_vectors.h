// Dot products that GPUs returned, as $BSGEN_TEST_DATA/tensor-core-vectors keeps them:
// GPU_INPUT_OUTPUT.txt.gz, one dot product a line, "a... | b... | c | d", every value as the hex of
// the float32 that equals it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "runtime/sim/exec/tensor_core.h"

namespace bsgen::sim {

struct RecordedDot {
  std::vector<float> a, b;
  float c = 0, d = 0;
};

struct RecordedFile {
  std::string name;  // "h200_bf16_fp32"
  std::string gpu;   // "h200"
  Arch arch;         // the architecture of that GPU
  MmaType type = MmaType::kBf16;
  AccType acc = AccType::kF32;
  std::vector<RecordedDot> dots;
};

Expected<RecordedFile> read_recorded(const std::filesystem::path& path);

}  // namespace bsgen::sim
