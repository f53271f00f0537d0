#include "tools/goldgen/recording.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "compiler/support/hash.h"

namespace bsgen::goldens {
namespace {

std::string digest_of(const std::vector<std::uint32_t>& words) { return hash_bytes(std::as_bytes(std::span(words))).hex(); }

// Of what is asked, whatever the architecture is.
std::string question_of(const Case& c, const std::vector<std::uint32_t>& inputs) {
  return hash_text(fmt::format("{}|{}|{}|{}", c.body, c.outputs, c.tiles, digest_of(inputs))).short_hex();
}

Status bad(const std::string& path, const std::string& what) { return Status(ErrorCode::kInvalidArgument, fmt::format("goldens: {}: {}", path, what)); }

// Steps between two floats on the line of all floats; equal NaN are 0 apart.
std::uint32_t apart(std::uint32_t a, std::uint32_t b) {
  const auto line = [](std::uint32_t x) { return x >> 31 ? 0x80000000u - (x & 0x7fffffff) : 0x80000000u + x; };
  const auto is_nan = [](std::uint32_t x) { return (x & 0x7fffffff) > 0x7f800000; };
  if (is_nan(a) || is_nan(b)) return is_nan(a) && is_nan(b) ? 0 : ~0u;
  return line(a) > line(b) ? line(a) - line(b) : line(b) - line(a);
}

}  // namespace

Expected<Answer> ask(const std::shared_ptr<Device>& device, const Case& c) {
  const Arch arch = device->info().arch;
  KernelImage image;
  image.arch = arch;
  image.entry = "k";
  image.ptx = kernel_of(c, arch);
  BSGEN_ASSIGN(const auto function, device->load(image, 0));
  const std::vector<std::uint32_t> inputs = inputs_of(c);
  std::vector<std::uint32_t> outputs(static_cast<std::size_t>(c.tiles) * static_cast<std::size_t>(c.outputs) * 32);
  BSGEN_ASSIGN(const DeviceBuffer in, device->allocate(inputs.size() * 4));
  BSGEN_ASSIGN(const DeviceBuffer out, device->allocate(outputs.size() * 4));
  BSGEN_TRY(device->copy_in(in.address(), std::as_bytes(std::span(inputs))));
  const std::uint64_t parameters[] = {in.address(), out.address()};
  const LaunchConfig config{.grid_x = static_cast<std::uint32_t>(c.tiles), .threads = 32};
  BSGEN_TRY(device->launch(*function, config, std::as_bytes(std::span(parameters)), nullptr));
  BSGEN_TRY(device->synchronize());
  BSGEN_TRY(device->copy_out(std::as_writable_bytes(std::span(outputs)), out.address()));
  Answer answer{c.name, question_of(c, inputs), outputs.size(), digest_of(outputs), {}};
  if (c.ulps == 0 && outputs.size() > kKeptWords) outputs.resize(kKeptWords);
  answer.words = std::move(outputs);
  return answer;
}

Expected<Recording> record(const std::shared_ptr<Device>& device, int driver, const std::string& date) {
  const DeviceInfo& info = device->info();
  Recording made{.gpu = info.model, .arch = info.arch.name(), .date = date, .source = info.kind == "cuda" ? "hardware" : "simulated", .driver = driver, .answers = {}, .skipped = {}};
  for (const Case& c : cases_for(info.arch)) {
    auto answer = ask(device, c);
    if (answer) made.answers.push_back(*std::move(answer));
    else made.skipped.push_back(fmt::format("{}: {}", c.name, answer.status().message()));
  }
  return made;
}

Status write(const Recording& recording, const std::string& path) {
  std::string text = fmt::format("goldens 1\ngpu {}\narch {}\ndriver {}\ndate {}\nsource {}\n", recording.gpu, recording.arch, recording.driver, recording.date, recording.source);
  for (const Answer& answer : recording.answers) {
    text += fmt::format("case {}\t{} {} {}\nwords", answer.name, answer.question, answer.num_words, answer.digest);
    for (const std::uint32_t word : answer.words) text += fmt::format(" {:x}", word);
    text += '\n';
  }
  uLongf bytes = compressBound(text.size());
  std::string packed(bytes, '\0');
  if (compress2(reinterpret_cast<Bytef*>(packed.data()), &bytes, reinterpret_cast<const Bytef*>(text.data()), text.size(), 9) != Z_OK) return bad(path, "cannot be compressed");
  packed.resize(bytes);
  std::ofstream file(path, std::ios::binary);
  file << fmt::format("{}\n", text.size()) << packed;
  file.close();
  return file ? Status() : Status(ErrorCode::kIo, fmt::format("goldens: cannot write {}", path));
}

Expected<Recording> read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Status(ErrorCode::kIo, fmt::format("goldens: cannot read {}", path));
  std::string first;
  std::getline(file, first);
  const std::string packed{std::istreambuf_iterator<char>(file), {}};
  const unsigned long size = std::strtoul(first.c_str(), nullptr, 10);
  if (size == 0 || size > (1ul << 30)) return bad(path, "is no recording");
  std::string text(size, '\0');
  uLongf bytes = size;
  if (uncompress(reinterpret_cast<Bytef*>(text.data()), &bytes, reinterpret_cast<const Bytef*>(packed.data()), packed.size()) != Z_OK || bytes != size)
    return bad(path, "is damaged");
  Recording made;
  std::istringstream lines(text);
  std::string line;
  if (!std::getline(lines, line) || line != "goldens 1") return bad(path, fmt::format("begins with \"{}\", version 1 is read", line.substr(0, 40)));
  while (std::getline(lines, line)) {
    const std::size_t space = line.find(' ');
    const std::string key = line.substr(0, space), value = space == std::string::npos ? "" : line.substr(space + 1);
    if (key == "gpu") made.gpu = value;
    else if (key == "arch") made.arch = value;
    else if (key == "driver") made.driver = std::atoi(value.c_str());
    else if (key == "date") made.date = value;
    else if (key == "source") made.source = value;
    else if (key == "case") {
      const std::size_t tab = value.find('\t');
      if (tab == std::string::npos) return bad(path, fmt::format("line \"{}\"", line.substr(0, 60)));
      Answer answer;
      answer.name = value.substr(0, tab);
      std::istringstream rest(value.substr(tab + 1));
      rest >> answer.question >> answer.num_words >> answer.digest;
      made.answers.push_back(std::move(answer));
    } else if (key == "words" && !made.answers.empty()) {
      std::istringstream rest(value);
      for (std::string word; rest >> word;) made.answers.back().words.push_back(static_cast<std::uint32_t>(std::strtoul(word.c_str(), nullptr, 16)));
    } else {
      return bad(path, fmt::format("line \"{}\"", line.substr(0, 60)));
    }
  }
  return made;
}

Expected<Comparison> compare(const Recording& recording, const std::shared_ptr<Device>& device) {
  std::map<std::string, Case> asked;
  for (Case& c : cases_for(device->info().arch)) asked.emplace(c.name, std::move(c));
  Comparison made;
  for (const Answer& recorded : recording.answers) {
    const auto found = asked.find(recorded.name);
    if (found == asked.end()) {
      made.not_compared.push_back(fmt::format("{}: not asked of {}", recorded.name, device->info().arch.name()));
      continue;
    }
    BSGEN_ASSIGN(const Answer answer, ask(device, found->second));
    if (answer.question != recorded.question) {
      made.not_compared.push_back(fmt::format("{}: recorded for another kernel or other inputs; record it again", recorded.name));
      continue;
    }
    ++made.compared;
    const int ulps = found->second.ulps;
    std::size_t different = 0, first = 0;
    const std::size_t count = std::min(answer.words.size(), recorded.words.size());
    for (std::size_t i = count; i-- > 0;)
      if (ulps == 0 ? answer.words[i] != recorded.words[i] : apart(answer.words[i], recorded.words[i]) > static_cast<std::uint32_t>(ulps)) ++different, first = i;
    const bool all = ulps > 0 || answer.digest == recorded.digest;
    if (different == 0 && all && answer.words.size() == recorded.words.size()) ++made.equal;
    else if (different > 0)
      made.differences.push_back(fmt::format("{}: {} of {} words differ, first word {}: {:08x}, recorded {:08x}", recorded.name, different, count, first, answer.words[first], recorded.words[first]));
    else
      made.differences.push_back(fmt::format("{}: the first {} words agree, later ones do not", recorded.name, count));
  }
  return made;
}

}  // namespace bsgen::goldens
