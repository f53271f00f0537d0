#include "tests/conformance/tensor_core_vectors/recorded_vectors.h"

#include <fmt/format.h>
#include <zlib.h>

#include <bit>
#include <charconv>
#include <map>
#include <sstream>

namespace bsgen::sim {

namespace {

Status malformed(const std::filesystem::path& path, const std::string& what) {
  return Status(ErrorCode::kInvalidArgument, fmt::format("vectors: {}: {}", path.string(), what));
}

Expected<std::string> inflate_file(const std::filesystem::path& path) {
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) return malformed(path, "cannot be opened");
  std::string text;
  char chunk[1 << 16];
  int got = 0;
  while ((got = gzread(file, chunk, sizeof chunk)) > 0)
    text.append(chunk, static_cast<std::size_t>(got));
  const bool sound = got == 0 && gzclose(file) == Z_OK;
  if (!sound) return malformed(path, "is not a complete gzip file");
  return text;
}

// "3f7a0000 3f870000 ..." up to the next '|' or the end of the line.
bool parse_floats(std::istringstream& line, std::vector<float>& out) {
  for (std::string word; line >> word && word != "|";) {
    std::uint32_t bits = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), bits, 16);
    if (error != std::errc{} || end != word.data() + word.size()) return false;
    out.push_back(std::bit_cast<float>(bits));
  }
  return true;
}

}  // namespace

Expected<RecordedFile> read_recorded(const std::filesystem::path& path) {
  static const std::map<std::string, int> kArch = {
      {"a100", 80}, {"ada", 89}, {"h200", 90}, {"b200", 100}};
  static const std::map<std::string, MmaType> kType = {{"bf16", MmaType::kBf16},
                                                       {"fp16", MmaType::kF16},
                                                       {"tf32", MmaType::kTf32},
                                                       {"e4m3", MmaType::kE4m3},
                                                       {"e5m2", MmaType::kE5m2}};
  RecordedFile file;
  file.name = path.stem().stem().string();
  std::istringstream words(file.name);
  std::string type, out;
  std::getline(words, file.gpu, '_');
  std::getline(words, type, '_');
  std::getline(words, out, '_');
  if (!kArch.contains(file.gpu) || !kType.contains(type) || (out != "fp32" && out != "fp16")) {
    return malformed(path, "a name GPU_INPUT_OUTPUT of a known GPU and known types expected");
  }
  file.arch.number = kArch.at(file.gpu);
  file.type = kType.at(type);
  file.acc = out == "fp16" ? AccType::kF16 : AccType::kF32;

  BSGEN_ASSIGN(const std::string text, inflate_file(path));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream parts(line);
    RecordedDot dot;
    std::vector<float> c, d;
    const bool sound = parse_floats(parts, dot.a) && parse_floats(parts, dot.b) &&
                       parse_floats(parts, c) && parse_floats(parts, d) &&
                       dot.a.size() == dot.b.size() && !dot.a.empty() && dot.a.size() <= 32 &&
                       c.size() == 1 && d.size() == 1;
    if (!sound) return malformed(path, fmt::format("line {} is malformed", file.dots.size() + 1));
    dot.c = c[0];
    dot.d = d[0];
    file.dots.push_back(std::move(dot));
  }
  if (file.dots.empty()) return malformed(path, "holds no dot product");
  return file;
}

}  // namespace bsgen::sim
