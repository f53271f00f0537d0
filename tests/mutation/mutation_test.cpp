// Every mistake is noticed: mutants of every kernel family, run on the simulated device.
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "tests/mutation/asynchronous.h"
#include "tests/mutation/generated.h"
#include "tests/mutation/suite.h"
#include "tests/support/catch.h"
#include "tests/support/sanitizers.h"

namespace bsgen::mutation {
namespace {

// Output columns (block rows for bprop) of many lengths: none, one block at the end, and lengths that end at each of the buffers that
// stages go through in turn. Sizes end inside the last block, at odd places.
Layout lists(Op op, BlockShape block) {
  const bool large = block.rows * block.cols > 16 * 16;
  std::vector<int> lengths = op == Op::kUpdate ? std::vector<int>{6, 0, 5, 3, 1} : large ? std::vector<int>{14, 0, 13, 9, 4, 1} : std::vector<int>{40, 0, 36, 29, 13, 1};
  const auto outputs = static_cast<int>(lengths.size()), length = lengths[0];
  if (op == Op::kBprop) std::swap(lengths[0], lengths[2]);  // no block row of a panel has them all
  std::vector<std::uint8_t> bits(static_cast<std::size_t>(length) * outputs);
  for (int o = 0; o < outputs; ++o)
    for (int k = 0; k < lengths[o]; ++k) {
      const int i = lengths[o] == 1 ? length - 1 : k * length / lengths[o];  // spread over the whole contraction
      bits[op == Op::kBprop ? o * length + i : i * outputs + o] = 1;
    }
  const std::int64_t rows = op == Op::kBprop ? outputs : length, cols = op == Op::kBprop ? length : outputs;
  return *Layout::from_bits(bits, rows, cols, block, 1, {rows * block.rows - 3, cols * block.cols - 1});
}

// For code without loops over entries: every row and column differs from the one before it and has blocks in both halves.
Layout straight_line(BlockShape block) {
  const std::string rows[] = {".##.", "#.##", "###.", ".###"};
  std::vector<std::uint8_t> bits;
  for (const std::string& row : rows)
    for (const char c : row) bits.push_back(c == '#');
  return *Layout::from_bits(bits, 4, 4, block, 1, {4 * block.rows, 4 * block.cols});
}

const std::vector<DType> kTypes = {DType::kFp32, DType::kTf32, DType::kFp16, DType::kBf16};

Generated kernel(Op op, DType dtype, BlockShape block, Tier tier, const char* arch = "sm_80") {
  return {.arch = arch, .layout = lists(op, block), .problem = {.op = op, .dtype = dtype}, .tier = tier,
          .tokens = op == Op::kUpdate ? std::vector<std::int64_t>{301, 130, 96, 1} : std::vector<std::int64_t>{77, 160, 1}};
}
Generated structural(Op op, DType dtype, const char* mask, BlockShape block, const char* arch = "sm_80") {
  Generated made = kernel(op, dtype, block, Tier::kStructural, arch);
  made.layout = *read_mask(mask, {.block = block});
  return made;
}

// Every type in the general tier; then each axis by itself, on types and blocks that take turns.
std::vector<Generated> kernels(Op op) {
  std::vector<Generated> made;
  for (const DType dtype : kTypes) made.push_back(kernel(op, dtype, {16, 16}, Tier::kTable));
  for (const DType dtype : {DType::kFp32, DType::kFp16}) made.push_back(kernel(op, dtype, {16, 32}, Tier::kTable, "sm_75"));  // no cp.async
  made.push_back(kernel(op, DType::kBf16, {16, 16}, Tier::kTable, "sm_90"));
  made.push_back(kernel(op, DType::kTf32, {32, 32}, Tier::kTable, "sm_120"));  // the other PTX dialect
  made.push_back(kernel(op, DType::kBf16, {8, 8}, Tier::kTable));
  made.push_back(kernel(op, DType::kFp16, {64, 64}, Tier::kTable));
  made.push_back(kernel(op, DType::kBf16, {32, 16}, Tier::kTable));
  made.push_back(kernel(op, DType::kFp16, {32, 16}, Tier::kConstant));
  made.push_back(kernel(op, DType::kTf32, {16, 16}, Tier::kUnrolled));
  made.back().layout = straight_line({16, 16});
  made.push_back(structural(op, DType::kBf16, "causal:20x20", {16, 16}));
  made.push_back(structural(op, DType::kFp32, "blockdiag:16x16:size=16", {16, 16}));
  made.push_back(kernel(op, DType::kBf16, {32, 32}, Tier::kTable));
  made.back().problem.activations = Activations::kCol;
  made.push_back(kernel(op, DType::kFp16, {16, 16}, Tier::kTable));
  made.back().problem.align = 2;
  if (op == Op::kFprop) {
    made.push_back(kernel(op, DType::kBf16, {32, 32}, Tier::kTable));
    made.back().problem.epilogue = "relu(acc * 0.5 + bias[n]) + gate[m] * residual[m,n]";
  }
  if (op == Op::kUpdate) {
    made.push_back(kernel(op, DType::kBf16, {32, 32}, Tier::kTable));
    made.back().problem.accumulate = true;
  }
  return made;
}

struct Outcome {
  std::vector<Verdict> verdicts;
  std::string skipped;
};

// MUTATION_ONLY="SUBJECT | OPERATOR | PTX | CUDA", or "@FILE" with a line for each: only mutants that such patterns match.
std::vector<std::string> only() {
  const char* given = std::getenv("MUTATION_ONLY");
  if (given == nullptr) return {"*"};
  if (*given != '@') return {given};
  std::vector<std::string> patterns;
  std::ifstream file(given + 1);
  for (std::string line; std::getline(file, line);) patterns.push_back(line);
  return patterns;
}
bool wanted(const std::string& subject) {
  std::vector<std::string> patterns = only();
  for (std::string& pattern : patterns) pattern.resize(std::min(pattern.size(), pattern.find(" | ")));
  return matches_any(patterns, subject);
}

// MUTATION_LOG=FILE: what became of each mutant, a line each.
void log(const std::vector<Verdict>& verdicts) {
  const char* path = std::getenv("MUTATION_LOG");
  if (path == nullptr) return;
  std::ofstream file(path, std::ios::app);
  static const char* const kFates[] = {"", "unreached", "idle", "masked", "ill-formed"};
  for (const Verdict& v : verdicts)
    file << (v.fate == Fate::kRun ? kCauseNames[static_cast<int>(v.cause)] : kFates[static_cast<int>(v.fate)]) << " | " << v.key() << " | line " << v.line << " -> " << v.replacement << " | "
         << v.evidence << "\n";
}

void run(const Subject& subject, int stride, Outcome& outcome) {
  const auto start = std::chrono::steady_clock::now();
  const auto verdicts = run_mutants(subject, stride, only());
  INFO((verdicts ? "" : verdicts.status().message()));
  REQUIRE(verdicts);
  std::printf("%-42s%6zu mutants %6.1f s\n", subject.name.c_str(), verdicts->size(), std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  std::fflush(stdout);
  log(*verdicts);
  outcome.verdicts.insert(outcome.verdicts.end(), verdicts->begin(), verdicts->end());
}

void run(const std::vector<Generated>& kernels, int stride, Outcome& outcome) {
  for (const Generated& kernel : kernels) {
    if (!wanted(subject_name(kernel))) continue;
    const auto subject = generated_subject(kernel);
    if (!subject && subject.status().code() == ErrorCode::kMissing) {
      outcome.skipped = subject.status().message();
      return;
    }
    INFO((subject ? "" : subject.status().message()));
    REQUIRE(subject);
    run(*subject, stride, outcome);
  }
}

void run_asynchronous(int stride, Outcome& outcome) {
  const auto subjects = asynchronous_subjects();
  INFO((subjects ? "" : subjects.status().message()));
  REQUIRE(subjects);
  for (const Subject& subject : *subjects)
    if (wanted(subject.name)) run(subject, stride, outcome);
}

// Every survivor is listed, nothing listed is killed; `all`: every mutant was run, so that every line of the list must have one.
void check(const Outcome& outcome, bool all) {
  if (!outcome.skipped.empty()) BSGEN_SKIP(outcome.skipped);
  const auto listed = read_survivors(MUTATION_SURVIVORS);
  INFO((listed ? "" : listed.status().message()));
  REQUIRE(listed);
  std::printf("%s", table(outcome.verdicts).c_str());
  std::vector<int> used(listed->size());
  int mutants = 0, survivors = 0;
  for (const Verdict& v : outcome.verdicts) {
    if (v.fate == Fate::kIllFormed) FAIL_CHECK("no mutant, the decoder refuses it: " << v.key() << " -> " << v.replacement << ": " << v.evidence);
    if (v.fate != Fate::kRun) continue;
    ++mutants, survivors += v.survived();
    bool covered = false;
    for (std::size_t i = 0; i < listed->size(); ++i) {
      if (!(*listed)[i].covers(v)) continue;
      covered = true;
      used[i] += v.survived();
    }
    if (v.survived() && !covered) FAIL_CHECK("survived and is not in tests/mutation/survivors.txt:\n" << v.key() << "\n  line " << v.line << " -> " << v.replacement);
  }
  for (std::size_t i = 0; all && std::getenv("MUTATION_ONLY") == nullptr && i < listed->size(); ++i)
    if (used[i] == 0) FAIL_CHECK("survivors.txt:" << (*listed)[i].line << " stands for no survivor any more");
  CHECK(mutants > 0);
  // 97 percent of all of them; a small sample of one family may have a few more.
  CHECK(survivors <= (all ? mutants * 3 / 100 : mutants * 5 / 100 + 3));
}

}  // namespace

// One in kStride mutants in the suite that everybody runs, each of them in `ctest -C Full`.
constexpr int kStride = bsgen::test::kSanitized ? 400 : 20, kAsynchronousStride = bsgen::test::kSanitized ? 100 : 5;

void check_sample(Op op) {
  Outcome outcome;
  run(kernels(op), kStride, outcome);
  check(outcome, false);
}
TEST_CASE("mutants_of_fprop_are_killed") { check_sample(Op::kFprop); }
TEST_CASE("mutants_of_bprop_are_killed") { check_sample(Op::kBprop); }
TEST_CASE("mutants_of_update_are_killed") { check_sample(Op::kUpdate); }
TEST_CASE("mutants_of_asynchronous_kernels_are_killed") {
  Outcome outcome;
  run_asynchronous(kAsynchronousStride, outcome);
  check(outcome, false);
}

// Not a mistake that a kernel could have, but bytes that are no kernel: whatever they are, loading them ends, with a program or a message.
TEST_CASE("texts_cut_short_or_altered_anywhere_are_refused_or_decoded") {
  for (const char* arch : {"sm_80", "sm_120"}) {  // both dialects
    const auto subject = generated_subject(kernel(Op::kFprop, DType::kBf16, {16, 16}, Tier::kTable, arch));
    if (!subject && subject.status().code() == ErrorCode::kMissing) BSGEN_SKIP(subject.status().message());
    REQUIRE(subject);
    const auto device = sim::SimDevice::create({.arch = *Arch::parse(arch), .num_threads = 1});
    KernelImage image;
    image.arch = *Arch::parse(arch);
    const std::size_t name = subject->ptx.find(".entry ") + 7;
    image.entry = subject->ptx.substr(name, subject->ptx.find('(', name) - name);
    std::uint32_t state = 1;
    const auto below = [&](std::size_t n) { return (state = state * 1664525u + 1013904223u) / 65536 % n; };
    const std::string letters = "%@$._;:,+-{}[]()0123456789abrstxf\n\"/* <>|!\x01";
    int refused = 0;
    constexpr int kTexts = 400;
    for (int i = 0; i < kTexts; ++i) {
      image.ptx = subject->ptx;
      const std::size_t size = image.ptx.size(), at = below(size / 65536 + 1) * 65536 + below(65536);
      switch (i % 4) {
        case 0: image.ptx.resize(at % size); break;
        case 1: image.ptx[at % size] = letters[below(letters.size())]; break;
        case 2: image.ptx.erase(at % size, 1 + below(40)); break;
        default: image.ptx.insert(at % size, image.ptx.substr(below(60000) % size, below(60))); break;
      }
      const auto loaded = device->load(image, 49152);
      refused += !loaded;
      if (!loaded) CHECK(loaded.status().message().rfind("sim: ", 0) == 0);
    }
    INFO(arch << ": " << refused << " of " << kTexts << " refused");
    CHECK(refused > kTexts / 4);
  }
}

TEST_CASE("every_mutant_of_every_family_is_killed_or_listed", "[.full]") {
  Outcome outcome;
  for (const Op op : {Op::kFprop, Op::kBprop, Op::kUpdate}) run(kernels(op), 1, outcome);
  run_asynchronous(1, outcome);
  check(outcome, true);
}

}  // namespace bsgen::mutation
