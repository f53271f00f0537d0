// bsgen bundle: a list of requests, one a line, compiled for several architectures into one file that programs map instead of compiling.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <set>
#include <sstream>
#include <thread>

#include "runtime/bundle/bundle.h"
#include "runtime/bundle/bundle_writer.h"
#include "runtime/bundle/request.h"
#include "runtime/cache/cached_compile.h"
#include "tools/bsgen/cli.h"
#include "tools/bsgen/command_line.h"
#include "tools/bsgen/stages.h"
#include "tools/bsgen/text.h"

namespace bsgen::cli {
namespace {

struct BundleArguments {
  std::string list, output, show, verify, cache_dir;
  std::vector<std::string> arch;
  bool no_cache = false, json = false;
  unsigned jobs = 0;
};

Status wrong(std::string message) { return Status(ErrorCode::kInvalidArgument, "bundle: " + std::move(message)); }

// One kernel to make: a line of the list for one architecture.
struct Job {
  std::string place;  // "models.txt line 3"
  std::string line;   // as the bundle keeps it
  PlanRequest request;
};

Expected<std::string> read_list(const std::string& path) {
  std::ostringstream text;
  if (path == "-") {
    text << std::cin.rdbuf();
    return text.str();
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return Status(ErrorCode::kIo, fmt::format("bundle: {} could not be read: {}", path, std::strerror(errno)));
  text << file.rdbuf();
  if (file.bad()) return Status(ErrorCode::kIo, fmt::format("bundle: {} could not be read: {}", path, std::strerror(errno)));
  return text.str();
}

// MASK and options of one line, as on a command line.
Expected<PlanArguments> parse_line(std::string_view line) {
  BSGEN_ASSIGN(const std::vector<std::string> words, runtime::split_words(line));
  std::vector<const char*> argv = {"request"};
  for (const std::string& word : words) argv.push_back(word.c_str());
  CLI::App app;
  app.set_help_flag();
  PlanArguments arguments;
  add_request_arguments(app, arguments);
  bool shown = false;
  BSGEN_TRY(parse(app, static_cast<int>(argv.size()), argv.data(), shown));
  return arguments;
}

Status add_jobs(const BundleArguments& a, PlanArguments request, const std::string& place, std::vector<Job>& jobs) {
  // A plan was made for one architecture, and a line may name its own.
  const bool own_arch = !request.arch.empty() || !request.plan_file.empty();
  if (!own_arch && a.arch.empty()) return wrong("no architecture; give --arch sm_80,sm_90 or an --arch on the line");
  for (const std::string& arch : own_arch ? std::vector<std::string>{request.arch} : a.arch) {
    request.arch = arch;
    BSGEN_ASSIGN(PlanRequest resolved, resolve(request));
    std::string line = mask_words(request) + " " + runtime::request_options(resolved.problem, resolved.options, resolved.arch);
    jobs.push_back({place, std::move(line), std::move(resolved)});
  }
  return {};
}

Expected<std::vector<Job>> read_jobs(const BundleArguments& a) {
  BSGEN_ASSIGN(const std::string text, read_list(a.list));
  std::vector<Job> jobs;
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    const std::size_t first = line.find_first_not_of(" \t\r");
    if (first == std::string::npos || line[first] == '#') continue;
    const std::string place = fmt::format("{} line {}", a.list == "-" ? "standard input" : a.list, number);
    auto request = parse_line(line);
    if (!request) return request.status().with_context("reading " + place);
    BSGEN_TRY(add_jobs(a, *std::move(request), place, jobs).with_context("reading " + place));
  }
  if (jobs.empty()) return wrong(fmt::format("{} has no request; one a line: banded:64x64:width=3 --op bprop", a.list));
  return jobs;
}

struct Made {
  runtime::BundleKernelText kernel;
  KernelOrigin origin = KernelOrigin::kCompiled;
};

Expected<Made> make(const Job& job, const BundleArguments& a) {
  const PlanRequest& request = job.request;
  BSGEN_ASSIGN(const Planned planned, make_plan(request));
  runtime::CacheOptions cache;
  cache.directory = a.cache_dir;
  cache.enabled = !a.no_cache;
  cache.cuda_dir = environment().cuda_dir;
  cache.logger = standard_error_logger();
  cache.use_bundle = false;
  BSGEN_ASSIGN(const runtime::CachedEntry cached, runtime::cached_entry(request.layout, planned.plan, cache));
  Made made;
  BSGEN_ASSIGN(made.kernel.request, runtime::request_bytes({request.layout.hash(), request.problem, request.options, request.arch}));
  made.kernel.line = job.line;
  made.kernel.arch = request.arch;
  std::ostringstream plan;
  cached.plan.dump(plan);
  made.kernel.plan = plan.str();
  made.kernel.entry = runtime::write_entry(cached.entry);
  made.origin = cached.origin;
  return made;
}

// Every job, several at a time; the error of the first line that has one.
Expected<std::vector<Made>> make_all(const std::vector<Job>& jobs, const BundleArguments& a) {
  std::vector<std::optional<Expected<Made>>> results(jobs.size());
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
  const auto work = [&] {
    for (std::size_t i; (i = next++) < jobs.size() && !failed;) {
      results[i] = make(jobs[i], a);
      if (!results[i]->ok()) failed = true;
    }
  };
  const unsigned wanted = a.jobs ? a.jobs : std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::thread> threads;
  for (unsigned t = 1; t < std::min<std::size_t>(wanted, jobs.size()); ++t) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  std::vector<Made> made;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (!results[i]) continue;  // after a failure
    if (!*results[i]) return results[i]->status().with_context("compiling " + jobs[i].place);
    made.push_back(**std::move(results[i]));
  }
  return made;
}

std::vector<std::string> names(const std::vector<Arch>& architectures) {
  std::vector<std::string> list;
  for (const Arch& arch : architectures) list.push_back(arch.name());
  return list;
}

Expected<int> write(const BundleArguments& a) {
  if (!environment().template_dir.empty())
    return wrong("BSGEN_TEMPLATE_DIR is set; a bundle holds what the embedded templates make, unset it");
  if (a.output.empty() || a.output == "-") return wrong("-o FILE is missing; a bundle is a file that programs map");
  const auto start = std::chrono::steady_clock::now();
  BSGEN_ASSIGN(const std::vector<Job> jobs, read_jobs(a));
  BSGEN_ASSIGN(std::vector<Made> made, make_all(jobs, a));
  std::vector<runtime::BundleKernelText> kernels;
  const auto compiled = std::count_if(made.begin(), made.end(), [](const Made& m) { return m.origin == KernelOrigin::kCompiled; });
  for (Made& one : made) kernels.push_back(std::move(one.kernel));
  const std::string bytes = runtime::write_bundle(std::move(kernels));
  BSGEN_TRY(write_output(a.output, bytes, true));
  // Nobody writes into what others have mapped; a new bundle replaces the file.
  std::error_code ignored;
  namespace fs = std::filesystem;
  if (fs::is_regular_file(a.output, ignored))
    fs::permissions(a.output, fs::perms::owner_write | fs::perms::group_write | fs::perms::others_write, fs::perm_options::remove, ignored);
  BSGEN_ASSIGN(const auto bundle, runtime::Bundle::open(a.output));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (a.json) {
    BSGEN_TRY(print_json({{"schema", 1},
                          {"output", a.output},
                          {"requests", jobs.size()},
                          {"kernels", bundle->size()},
                          {"architectures", names(bundle->architectures())},
                          {"bytes", bundle->bytes()},
                          {"digest", bundle->digest()},
                          {"compiled", compiled},
                          {"seconds", seconds}}));
    return 0;
  }
  BSGEN_TRY(print(fmt::format("{}: {} for {}, {} bytes; {} compiled, {} s\n", a.output, count(static_cast<std::int64_t>(bundle->size()), "kernel", "kernels"),
                              fmt::join(names(bundle->architectures()), ", "), bundle->bytes(), compiled, significant(seconds))));
  return 0;
}

// The lines that would make it again.
Expected<int> show(const BundleArguments& a) {
  BSGEN_ASSIGN(const auto bundle, runtime::Bundle::open(a.show));
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < bundle->size(); ++i) lines.emplace_back(bundle->line(i));
  std::sort(lines.begin(), lines.end());
  if (a.json) {
    BSGEN_TRY(print_json({{"schema", 1}, {"bundle", a.show}, {"kernels", lines.size()}, {"architectures", names(bundle->architectures())},
                          {"bytes", bundle->bytes()}, {"digest", bundle->digest()}, {"requests", lines}}));
    return 0;
  }
  std::string text = fmt::format("# {}: {} for {}, {} bytes, digest {}\n", a.show, count(static_cast<std::int64_t>(lines.size()), "kernel", "kernels"),
                                 fmt::join(names(bundle->architectures()), ", "), bundle->bytes(), bundle->digest());
  for (const std::string& line : lines) text += line + "\n";
  BSGEN_TRY(print(text));
  return 0;
}

// Loads every kernel, and says which compilers made them.
Expected<int> verify(const BundleArguments& a) {
  BSGEN_ASSIGN(const auto bundle, runtime::Bundle::open(a.verify));
  std::vector<std::string> damaged;
  std::set<std::string> compilers;
  for (std::size_t i = 0; i < bundle->size(); ++i) {
    const auto kernel = bundle->load(i);
    if (!kernel) {
      damaged.push_back(kernel.status().message());
      continue;
    }
    const auto build = [&](const char* field) {
      const std::string* id = kernel->entry.key.find(field);
      return id && !id->empty() ? *id : std::string("none");
    };
    compilers.insert(fmt::format("nvrtc {}, builtins {}, nvjitlink {}", build("nvrtc"), build("nvrtc builtins"), build("nvjitlink")));
  }
  if (a.json) {
    BSGEN_TRY(print_json({{"schema", 1}, {"bundle", a.verify}, {"kernels", bundle->size()}, {"damaged", damaged}, {"compilers", compilers}}));
  } else {
    std::string text = fmt::format("{}: {}, {} damaged\n", a.verify, count(static_cast<std::int64_t>(bundle->size()), "kernel", "kernels"), damaged.size());
    for (const std::string& build : compilers) text += "  made by " + build + "\n";
    for (const std::string& message : damaged) text += "  " + message + "\n";
    BSGEN_TRY(print(text));
  }
  return damaged.empty() ? 0 : 1;
}

Expected<int> run(const BundleArguments& a) {
  if (!a.list.empty() + !a.show.empty() + !a.verify.empty() != 1)
    return wrong("give one of LIST (and -o FILE), --show FILE and --verify FILE; bsgen bundle --help shows an example");
  return !a.show.empty() ? show(a) : !a.verify.empty() ? verify(a) : write(a);
}

}  // namespace

void add_bundle(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand("bundle", "compile a list of requests for several architectures into one file that programs map");
  auto a = std::make_shared<BundleArguments>();
  verb->add_option("list", a->list, "a file with one request a line: MASK and the options of compile that choose a kernel; - is standard input")->type_name("LIST");
  verb->add_option("-o,--output", a->output, "the bundle")->type_name("FILE");
  verb->add_option("--arch", a->arch, "for lines that name none: sm_80,sm_90a")->delimiter(',')->type_name("LIST");
  verb->add_option("--jobs", a->jobs, "kernels compiled at a time; default the number of processors")->type_name("N");
  verb->add_option("--show", a->show, "print the requests that a bundle holds, in the form of LIST")->type_name("FILE");
  verb->add_option("--verify", a->verify, "check every kernel of a bundle; exit status 1 if one is damaged")->type_name("FILE");
  verb->add_flag("--no-cache", a->no_cache, "neither read nor write the kernel cache");
  verb->add_option("--cache-dir", a->cache_dir, "kernel cache; default BSGEN_CACHE_DIR, then $XDG_CACHE_HOME/bsgen, then ~/.cache/bsgen")->type_name("DIR");
  verb->add_flag("--json", a->json, "print one JSON object on standard output and nothing else");
  verb->footer(
      "\nExample: everything that a model needs, made once and served without NVRTC\n"
      "  bsgen bundle requests.txt --arch sm_80,sm_90 -o model.bundle\n"
      "  BSGEN_BUNDLE=model.bundle BSGEN_JIT=off ./serve\n"
      "With BSGEN_JIT=off a kernel that is missing is an error that ends with the line for requests.txt.\n");
  verb->callback([a, &action] { action = [a] { return run(*a); }; });
}

}  // namespace bsgen::cli
