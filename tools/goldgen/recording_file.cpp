// The file of a recording. Tables are kept as differences, which for a smooth function are small and repeat, so that zlib leaves about
// two bits a word: "table ORDER TEXT", differences taken ORDER times, a letter a to y for -12 to 12 and "(N)" for any other.
#include <fmt/format.h>
#include <zlib.h>

#include <bit>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

#include "tools/goldgen/recording.h"

namespace bsgen::goldens {
namespace {

constexpr int kLetterReach = 12;
constexpr char kZeroLetter = 'a' + kLetterReach;

Status bad(const std::string& path, const std::string& what) {
  return Status(ErrorCode::kInvalidArgument, fmt::format("goldens: {}: {}", path, what));
}

std::string encode_table(std::vector<std::uint32_t> words) {
  const auto cost = [&] {
    std::uint64_t bits = 0;
    for (const std::uint32_t word : words) bits += static_cast<std::uint64_t>(std::bit_width(word >> 31 ? ~word : word));
    return bits;
  };
  const auto differentiate = [&] {
    for (std::size_t i = words.size(); i-- > 1;) words[i] -= words[i - 1];
  };
  int order = 0;
  for (std::uint64_t before = cost(); order < 3; ++order) {
    std::vector<std::uint32_t> kept = words;
    differentiate();
    const std::uint64_t after = cost();
    if (after >= before) {
      words = std::move(kept);
      break;
    }
    before = after;
  }
  std::string text = fmt::format("{} ", order);
  for (const std::uint32_t word : words) {
    const auto value = static_cast<std::int32_t>(word);
    if (value >= -kLetterReach && value <= kLetterReach) text += static_cast<char>(kZeroLetter + value);
    else text += fmt::format("({})", value);
  }
  return text;
}

// Empty where the text is no table.
std::vector<std::uint32_t> decode_table(const std::string& text) {
  if (text.size() < 3 || text[0] < '0' || text[0] > '3' || text[1] != ' ') return {};
  std::vector<std::uint32_t> words;
  for (std::size_t at = 2; at < text.size(); ++at) {
    if (text[at] >= 'a' && text[at] <= 'a' + 2 * kLetterReach) {
      words.push_back(static_cast<std::uint32_t>(text[at] - kZeroLetter));
      continue;
    }
    const std::size_t end = text.find(')', at);
    if (text[at] != '(' || end == std::string::npos) return {};
    words.push_back(static_cast<std::uint32_t>(std::strtol(text.c_str() + at + 1, nullptr, 10)));
    at = end;
  }
  for (int order = text[0] - '0'; order > 0; --order)
    for (std::size_t i = 1; i < words.size(); ++i) words[i] += words[i - 1];
  return words;
}

}  // namespace

Status write(const Recording& recording, const std::string& path) {
  std::string text = fmt::format("goldens 1\ngpu {}\narch {}\ndriver {}\ndate {}\nsource {}\n", recording.gpu, recording.arch, recording.driver,
                                 recording.date, recording.source);
  for (const Answer& answer : recording.answers) {
    text += fmt::format("case {}\t{} {} {}\n", answer.name, answer.question, answer.num_words, answer.digest);
    if (answer.name.starts_with("table/")) {
      text += "table " + encode_table(answer.words) + "\n";
      continue;
    }
    text += "words";
    for (const std::uint32_t word : answer.words) text += fmt::format(" {:x}", word);
    text += '\n';
  }
  uLongf bytes = compressBound(text.size());
  std::string packed(bytes, '\0');
  if (compress2(reinterpret_cast<Bytef*>(packed.data()), &bytes, reinterpret_cast<const Bytef*>(text.data()), text.size(), 6) != Z_OK)
    return bad(path, "cannot be compressed");
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
  if (uncompress(reinterpret_cast<Bytef*>(text.data()), &bytes, reinterpret_cast<const Bytef*>(packed.data()), packed.size()) != Z_OK ||
      bytes != size)
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
    } else if (key == "table" && !made.answers.empty()) {
      Answer& answer = made.answers.back();
      answer.words = decode_table(value);
      if (answer.words.size() != answer.num_words || digest_of(answer.words) != answer.digest)
        return bad(path, fmt::format("the table of {} is damaged", answer.name));
    } else {
      return bad(path, fmt::format("line \"{}\"", line.substr(0, 60)));
    }
  }
  return made;
}

}  // namespace bsgen::goldens
