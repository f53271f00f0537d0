// Real code: every wrapper of cuda::ptx for the instructions that are simulated decodes, and kernels written with cuda::barrier, cuda::pipeline,
// memcpy_async, cuda::atomic_ref and cooperative groups give the right numbers. The toolkit's own headers are the corpus.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include "runtime/sim/decode/decoder.h"
#include "runtime/sim/exec/memory_map.h"
#include "runtime/sim/ptx/inline_calls.h"
#include "runtime/sim/ptx/parser.h"
#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"
#define BSGEN_SIM_KERNELS BSGEN_SIM_ASYNC_KERNELS
#include "tests/unit/sim/nvrtc.h"

namespace bsgen::sim::test {
namespace {

const std::string kInclude = "/usr/local/cuda/include";
const std::string kGenerated = kInclude + "/cccl/cuda/__ptx/instructions/generated";

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}
std::string replaced(const std::string& text, const char* pattern, const char* with) { return std::regex_replace(text, std::regex(pattern), with); }

// A wrapper as the comment before it tells of it: what its tags can be, its result and its parameters.
struct Wrapper {
  std::string header, name, result;
  std::vector<std::string> parameters;
  std::map<std::string, std::vector<std::string>> tags;  // "scope" -> cta, cluster
  std::string targets;                                   // "SM_90", "SM_100a, SM_103a"
};
std::vector<Wrapper> wrappers_of(const std::filesystem::path& header) {
  std::vector<Wrapper> found;
  const std::string text = read_file(header), start = "/*\n", declaration = "__device__ static inline";
  for (std::size_t at = 0; (at = text.find(start, at)) != std::string::npos; at += start.size()) {
    const std::string comment = text.substr(at, text.find("*/", at) - at);
    const std::size_t split = comment.find(declaration);
    if (split == std::string::npos) continue;
    Wrapper w;
    w.header = header.stem().string();
    const std::string facts = replaced(replaced(comment.substr(0, split), "//", " "), "\\s+", " ");
    std::smatch match;
    if (std::regex_search(facts, match, std::regex("SM_[0-9a-z, SM_]+"))) w.targets = match[0];
    const std::regex tag("\\.(\\w+) *= *\\{([^}]*)\\}"), value("\\.([\\w:]+)");
    for (std::sregex_iterator each(facts.begin(), facts.end(), tag), end; each != end; ++each) {
      const std::string values = (*each)[2];
      for (std::sregex_iterator one(values.begin(), values.end(), value); one != end; ++one) w.tags[(*each)[1]].push_back((*one)[1]);
    }
    const std::string signature = replaced(comment.substr(split + declaration.size()), "\\s+", " ");
    if (!std::regex_search(signature, match, std::regex("^ ?(.*?) ?(\\w+)\\((.*)\\);"))) continue;
    w.result = match[1], w.name = match[2];
    int depth = 0;
    std::string parameter;
    for (const char c : match[3].str() + ",") {
      depth += c == '<' || c == '(' || c == '[' ? 1 : c == '>' || c == ')' || c == ']' ? -1 : 0;
      if (c != ',' || depth != 0) {
        parameter += c;
        continue;
      }
      if (parameter.find_first_not_of(' ') != std::string::npos) w.parameters.push_back(parameter.substr(parameter.find_first_not_of(' ')));
      parameter.clear();
    }
    found.push_back(std::move(w));
  }
  return found;
}

// An argument: a tag, or whatever lies in memory, of the parameter's type.
std::string argument(const Wrapper& w, std::string parameter, std::size_t variant) {
  std::smatch match;
  if (std::regex_search(parameter, match, std::regex("^cuda::ptx::(\\w+)_t<"))) {
    const std::string key = match[1];
    if (key == "n32") return "cuda::ptx::n32_t<8>{}";
    const auto values = w.tags.find(key);
    if (values == w.tags.end()) return "cuda::ptx::unknown_tag_" + key;
    std::string value = values->second[variant % values->second.size()];
    if (key == "space") value = replaced(replaced(value, "shared::cluster", "cluster"), "shared::cta", "shared");
    if (key == "op") value = replaced(value, "^(and|or|xor)$", "$1_op");
    return fmt::format("cuda::ptx::{}_{}_t{{}}", key, value.substr(value.rfind(':') + 1));
  }
  if (std::regex_search(parameter, match, std::regex("^cuda::ptx::(\\w+_t)"))) return "cuda::ptx::" + replaced(match[1].str(), "^op_(and|or|xor)_t$", "op_$1_op_t") + "{}";
  for (const auto& [from, to] : {std::pair("\\bB8\\b", "signed char"), {"\\bB16\\b", "short"}, {"\\bB32\\b", "int"}, {"\\bB64\\b", "long long"}, {"\\bB128\\b", "longlong2"}, {"\\bType\\b", "int"}})
    parameter = replaced(parameter, from, to);
  if (std::regex_search(parameter, match, std::regex("^(?:const )?(.*)\\(&\\w+\\)(\\[\\w+\\])$"))) return fmt::format("any<{}{}>()", match[1].str(), match[2].str());
  if (parameter.find('*') == std::string::npos) parameter = replaced(parameter, "^const ", "");
  parameter = replaced(parameter, "&", "");
  return fmt::format("any<{}>()", replaced(parameter, " *\\w+$", "").empty() ? parameter : replaced(parameter, "([ *])\\w+$", "$1"));
}

bool exists(const Wrapper& w, const std::string& arch) {
  const int number = std::stoi(arch);
  const std::regex target("([0-9]+)([af]?)");
  if (w.targets.empty()) return true;
  for (std::sregex_iterator each(w.targets.begin(), w.targets.end(), target), end; each != end; ++each)
    if ((*each)[2].str().empty() ? std::stoi((*each)[1]) <= number : (*each)[0].str() == arch) return true;
  return false;
}

// Instructions beside P0 to P2 that are refused; their wrappers are left out, or must fail with these words.
bool is_beside(const std::string& header) {
  for (const char* name : {"tcgen05", "clusterlaunchcontrol", "multimem", "tensormap", "st_bulk", "sync_restrict"})
    if (header.find(name) != std::string::npos) return true;
  return false;
}

// One kernel per wrapper and choice of tags.
std::string all_wrappers(const std::string& arch, int& count) {
  std::string source =
      "#include <cuda/ptx>\nusing namespace cuda::std;\n__device__ char* pool;\ntemplate <class T> __device__ T& any() { return *reinterpret_cast<T*>(pool); }\n"
      "template <class T> __device__ void keep(T value) { *reinterpret_cast<T*>(pool) = value; }\n";
  std::vector<std::filesystem::path> headers(std::filesystem::directory_iterator(kGenerated), {});
  std::sort(headers.begin(), headers.end());
  count = 0;
  for (const std::filesystem::path& header : headers) {
    if (is_beside(header.stem().string())) continue;
    for (const Wrapper& w : wrappers_of(header)) {
      if (!exists(w, arch)) continue;
      std::size_t variants = 1;
      for (const std::string& p : w.parameters)
        if (p.find('<') != std::string::npos)
          for (const auto& [key, values] : w.tags) variants = std::max(variants, values.size());
      for (std::size_t variant = 0; variant < variants; ++variant) {
        std::string call;
        for (const std::string& p : w.parameters) call += (call.empty() ? "" : ", ") + argument(w, p, variant);
        call = fmt::format("cuda::ptx::{}({})", w.name, call);
        source += fmt::format("extern \"C\" __global__ void k{}() {{ {}; }}  // {}\n", count++, w.result == "void" ? call : "keep(" + call + ")", w.header);
      }
    }
  }
  return source;
}

// Everything that does not decode, one line each.
std::string refused(const std::string& text) {
  const auto module = ptx::parse(text);
  if (!module) return module.status().message();
  const std::vector<std::uint64_t> addresses(module->variables.size(), kGlobalBase);
  std::string all;
  for (const ptx::Function& entry : module->functions) {
    if (!entry.is_entry || !entry.is_defined) continue;
    const auto flat = ptx::inline_calls(*module, entry);
    const Status status = flat ? decode(*module, *flat, addresses).status() : flat.status();
    if (!status.ok()) all += fmt::format("{}: {}\n", entry.name, status.message());
  }
  return all;
}

#define NEED_CCCL(nvrtc)                                                                \
  if (!nvrtc.found()) BSGEN_SKIP("libnvrtc is not installed");                          \
  if (!std::filesystem::exists(kGenerated)) BSGEN_SKIP("no CCCL headers in " + kGenerated)

void check_wrappers(const std::string& arch) {
  Nvrtc nvrtc;
  NEED_CCCL(nvrtc);
  int count = 0;
  const std::string source = all_wrappers(arch, count);
  std::string log;
  const std::string ptx = nvrtc.compile(source, "compute_" + arch, &log, {"-I" + kInclude, "-I" + kInclude + "/cccl", "-std=c++17"});
  INFO("sm_" << arch << " " << log.substr(0, 2000));
  REQUIRE(!ptx.empty());
  CHECK(count > (arch == "80" ? 400 : 600));
  CHECK(refused(ptx) == "");
}

TEST_CASE("every_wrapper_of_cuda_ptx_decodes_for_sm_90a") { check_wrappers("90a"); }
TEST_CASE("every_wrapper_of_cuda_ptx_decodes_for_every_architecture", "[.full]") {
  for (const char* arch : {"80", "90a", "100a", "120a"}) check_wrappers(arch);
}

// The kernels of kernels/cccl.cu over in[i], with `ctas` of 128 threads; what they leave in out.
void check_kernels(const std::string& arch) {
  Nvrtc nvrtc;
  NEED_CCCL(nvrtc);
  std::string log;
  KernelImage image;
  image.ptx = nvrtc.compile(read_kernel("cccl.cu"), "compute_" + arch, &log, {"-I" + kInclude, "-I" + kInclude + "/cccl", "-std=c++17"});
  INFO(log.substr(0, 2000));
  REQUIRE(!image.ptx.empty());
  std::vector<int> in(512);
  for (int i = 0; i < 512; ++i) in[static_cast<std::size_t>(i)] = 7 * i % 401 - 100;
  const auto run = [&](const std::string& entry, std::uint32_t ctas, Timing timing) {
    auto sim = device("sm_" + arch, timing, 1);
    image.entry = entry;
    std::vector<int> out(512, 0);
    const auto a = *sim->allocate(2048), b = *sim->allocate(2048);
    REQUIRE(sim->copy_in(a.address(), std::as_bytes(std::span(in))).ok());
    REQUIRE(sim->copy_in(b.address(), std::as_bytes(std::span(out))).ok());
    const auto function = sim->load(image, 0);
    INFO(entry << " " << function.status().message());
    REQUIRE(function.ok());
    const std::uint64_t parameters[] = {a.address(), b.address()};
    const Status status = sim->launch(**function, {.grid_x = ctas, .threads = 128}, std::as_bytes(std::span(parameters)), nullptr);
    INFO(status.message());
    REQUIRE(status.ok());
    CHECK(sim->last_report().diagnostics.empty());
    REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(out)), b.address()).ok());
    return out;
  };
  std::vector<int> pairs(512), across(512);
  for (std::size_t i = 0; i < 512; ++i) pairs[i] = in[i] + in[i ^ 1], across[i] = in[i ^ 129] + 128;
  for (const Timing timing : {Timing::kEarly, Timing::kLate}) {
    CHECK(run("on_a_barrier", 4, timing) == pairs);
    CHECK(run("in_a_pipeline", 1, timing) == pairs);
    const std::vector<int> groups = run("in_groups", 4, timing);
    int sum = 0;
    for (const int value : in) sum += value;
    CHECK(groups[0] == sum);
    CHECK(groups[1] == *std::max_element(in.begin(), in.end()));
    CHECK(groups[2] == 16);
    if (arch == "80") continue;
    CHECK(run("across_a_cluster", 4, timing) == across);
    CHECK(run("by_ptx", 4, timing) == pairs);
  }
}

TEST_CASE("kernels_written_with_cccl_run_on_sm_90a") { check_kernels("90a"); }
TEST_CASE("kernels_written_with_cccl_run_on_every_architecture", "[.full]") {
  for (const char* arch : {"80", "90a", "100a", "120a"}) check_kernels(arch);
}

}  // namespace
}  // namespace bsgen::sim::test
