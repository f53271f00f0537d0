// Breadth: every instruction form that ptxas assembles loads, as text and through NVRTC's inline assembly, and what the front end makes of
// ordinary C++ runs and gives C++'s numbers. Depth is in the other tests.
#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <functional>
#include <sstream>

#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"
#include "tests/unit/sim/nvrtc.h"

namespace bsgen::sim::test {
namespace {

// Instructions of the corpus that exist for `arch`: "90a" takes those of 75, 80, 89 and 90a.
std::vector<std::string> corpus(const std::string& arch) {
  std::istringstream lines(read_kernel("opcodes.txt"));
  std::vector<std::string> found;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::string from = line.substr(0, line.find(' '));
    const bool plain = from.find('a') == std::string::npos;
    if (from == arch || (plain && std::stoi(from) <= std::stoi(arch))) found.push_back(line.substr(from.size() + 1));
  }
  return found;
}
const char* const kRegisters =
    ".reg .pred %p<64>;\n.reg .b16 %rs<64>;\n.reg .b32 %r<64>;\n.reg .b64 %rd<64>;\n.reg .f32 %f<64>;\n.reg .f64 %fd<64>;\n";

Status load(const std::string& ptx, const std::string& arch) {
  auto sim = device("sm_" + arch);
  KernelImage image;
  image.entry = "k";
  image.ptx = ptx;
  return sim->load(image, 0).status();
}

TEST_CASE("every_form_of_the_corpus_loads_for_its_architecture") {
  for (const char* arch : {"75", "80", "89", "90a", "100a", "120a"}) {
    std::string text = fmt::format(".version 9.0\n.target sm_{}\n.address_size 64\n.visible .entry k(.param .u64 in)\n{{\n{}", arch, kRegisters);
    const std::vector<std::string> lines = corpus(arch);
    CHECK(lines.size() > 1900);
    for (const std::string& line : lines) text += line + "\n";
    const Status status = load(text + "ret;\n}\n", arch);
    INFO("sm_" << arch);
    CHECK(status.message() == "");
  }
}

TEST_CASE("inline_assembly_of_the_corpus_loads_in_both_dialects_of_nvrtc") {
  Nvrtc nvrtc;
  if (!nvrtc.found()) BSGEN_SKIP("libnvrtc is not installed");
  for (const char* arch : {"75", "80", "90a", "100a", "120a"}) {
    std::string source = "extern \"C\" __global__ void k(unsigned long long in) {\n";
    const std::vector<std::string> lines = corpus(arch);
    for (std::size_t first = 0; first < lines.size(); first += 250) {  // blocks whose names shadow each other
      source += "asm volatile(\"{\\n\"\n";
      std::string block = kRegisters;
      for (std::size_t i = first; i < std::min(lines.size(), first + 250); ++i) block += lines[i] + "\n";
      std::istringstream text(block);
      for (std::string line; std::getline(text, line);) {
        source += '"';
        source += line;
        source += "\\n\"\n";
      }
      source += "\"}\\n\" :: : \"memory\");\n";
    }
    std::string log;
    const std::string ptx = nvrtc.compile(source + "}\n", fmt::format("compute_{}", arch), &log);
    INFO("compute_" << arch << " " << log.substr(0, 2000));
    REQUIRE(!ptx.empty());
    CHECK(load(ptx, arch).message() == "");
  }
}

// C++ of features.cu again, for one thread.
struct Feature {
  const char* kernel;
  std::function<int(int)> expected;
};
int apart(int x, int a, double b) {
  return x * a + static_cast<int>(b);
}

TEST_CASE("ordinary_cuda_runs_as_cpp_says_on_every_architecture") {
  Nvrtc nvrtc;
  if (!nvrtc.found()) BSGEN_SKIP("libnvrtc is not installed");
  using L = unsigned long long;
  const Feature features[] = {
      {"calls",
       [](int t) {
         const float x = static_cast<float>(t);
         const float second = x > 7.f ? static_cast<float>(apart(t, 2, 1.5)) + 7.f : x - 7.f;
         return apart(t, 3, t + 0.5) + static_cast<int>(second);
       }},
      {"local_arrays",
       [](int t) {
         int sum = 0;
         for (int i = 0; i < 8; ++i) sum += ((i * 5 + t) & 7) * t << (i & 3);
         return sum;
       }},
      {"switches",
       [](int t) {
         const int cases[] = {11, t * 3, t - 100, t ^ 77, t << 2, t / 3, t % 4, ~t, -1};
         return cases[t % 9];
       }},
      {"wide",
       [](int t) {
         const L x = 0xfedcba9876543210ULL + static_cast<L>(t), y = x * static_cast<L>(t + 3);
         const L z = static_cast<L>(static_cast<unsigned __int128>(x) * y >> 64) ^ (y >> 17) * 3;
         return static_cast<int>(z / static_cast<L>(t + 5) ^ z % static_cast<L>(t + 7) ^ z >> 32);
       }},
      {"doubles",
       [](int t) {
         const double x = t * 1.25 + 0.375;
         const double y = 1 / x + std::sqrt(x) * (x * x + -2.0) / (x + 1.0);
         return static_cast<int>(std::llrint(y * 1000.0)) + static_cast<int>(x);
       }},
      {"prints", [](int t) { return t + 1; }},
      {"votes",
       [](int t) {
         const auto u = static_cast<unsigned>(t);
         unsigned ballot = 0, same = 0;
         for (unsigned i = 0; i < 32; ++i) ballot |= (i & 2 ? 1u : 0u) << i, same |= (i / 3 == u / 3 ? 1u : 0u) << i;
         const int sum = (t ^ 5) * (t ^ 5) + (t + 3 < 32 ? t + 3 : t) + std::popcount(same);
         unsigned reversed = 0;
         for (int i = 0; i < 32; ++i) reversed |= (u >> i & 1) << (31 - i);
         const L bytes = 0x11223344ULL << 32 | u;
         unsigned permuted = 0;
         for (int i = 0; i < 4; ++i) permuted |= static_cast<unsigned>(bytes >> (8 * (0x0541 >> (4 * i) & 7)) & 0xff) << (8 * i);
         const unsigned funnel = static_cast<unsigned>(((static_cast<L>(u * 3) << 32 | u) << (u & 31)) >> 32);
         const int high = static_cast<int>(static_cast<long long>(t << 20) * (t << 15) >> 32);
         return static_cast<int>(static_cast<unsigned>(sum) + (ballot >> 28) + static_cast<unsigned>(std::countl_zero(u + 1)) +
                                 static_cast<unsigned>(t == 0 ? 0 : std::countr_zero(u) + 1) + reversed + (5 + (u & 0xff) * 4) + permuted + funnel +
                                 static_cast<unsigned>(high) + static_cast<unsigned>((t + 9) >> 1) +
                                 static_cast<unsigned>((t > 17 ? t - 17 : 17 - t) + 2));
       }},
      {"atomics", [](int) { return 31 * 32 / 2 + 16 + 16; }},
      {"pointers",
       [](int t) {
         const auto way = [](int which, int x, int a, double b) {
           const int whole = static_cast<int>(b);
           return which == 0 ? x * a + whole : which == 1 ? x + a + whole : x - a * whole;
         };
         return way(t % 3, t, 3, 1.5) + way(t & 1 ? 0 : 2, t, 2, t + 0.25) * 1000 + way(t > 11 ? 1 : 0, t, 5, 2.5) * 7;
       }},
      {"virtual_functions",
       [](int t) {
         const auto area = [t](int which, int x) { return which == 0 ? x : which == 1 ? t * t + x : 3 * x; };
         return area(t % 3, t + 1) + area((t + 1) % 3, 2) * 100;
       }},
  };
  const std::string source = read_kernel("features.cu");
  for (const char* arch : {"75", "80", "90", "100", "120"}) {
    const std::string ptx = nvrtc.compile(source, fmt::format("compute_{}", arch));
    REQUIRE(!ptx.empty());
    for (const Feature& feature : features) {
      auto sim = device(fmt::format("sm_{}", arch));
      KernelImage image;
      image.entry = feature.kernel;
      image.ptx = ptx;
      auto function = sim->load(image, 0);
      INFO(feature.kernel << " sm_" << arch << " " << function.status().message());
      REQUIRE(function.ok());
      const auto memory = *sim->allocate(128);
      const std::uint64_t parameter = memory.address();
      const Status status = sim->launch(**function, {.threads = 32}, std::as_bytes(std::span(&parameter, 1)), nullptr);
      CHECK(status.message() == "");
      int out[32];
      REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(out)), memory.address()).ok());
      for (int t = 0; t < 32; ++t) {
        INFO("thread " << t);
        CHECK(out[t] == feature.expected(t));
      }
    }
  }
}

TEST_CASE("a_failed_assertion_is_a_finding_with_its_place") {
  Nvrtc nvrtc;
  if (!nvrtc.found()) BSGEN_SKIP("libnvrtc is not installed");
  auto sim = device("sm_90");
  KernelImage image;
  image.entry = "asserts";
  image.ptx = nvrtc.compile(read_kernel("features.cu"), "compute_90");
  auto function = sim->load(image, 0);
  REQUIRE(function.ok());
  const auto memory = *sim->allocate(128);
  const std::uint64_t parameter = memory.address();
  const Status status = sim->launch(**function, {.threads = 32}, std::as_bytes(std::span(&parameter, 1)), nullptr);
  CHECK(status.code() == ErrorCode::kCheckFailed);
  REQUIRE(sim->last_report().diagnostics.size() == 1);
  const Diagnostic& found = sim->last_report().diagnostics[0];
  CHECK(found.kind == "assert");
  CHECK(found.message.find("thread 5 fails the assertion t != 5 in asserts (features.cu:77)") != std::string::npos);
}

}  // namespace
}  // namespace bsgen::sim::test
