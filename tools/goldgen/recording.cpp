#include "tools/goldgen/recording.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>

#include "compiler/support/hash.h"
#include "tools/goldgen/kernels.h"

namespace bsgen::goldens {
namespace {

// Of what is asked, whatever the architecture is.
std::string question_of(const Case& c, const std::vector<std::uint32_t>& inputs) {
  std::string text = fmt::format("{}|{}|{}|{}|{}|{}", c.body, c.outputs, c.tiles, c.threads, c.words(), digest_of(inputs));
  if (const auto& m = c.map) {
    text += fmt::format("|{} {} {} {}", static_cast<int>(m->type), m->rank, static_cast<int>(m->swizzle), static_cast<int>(m->fill));
    for (int d = 0; d < m->rank; ++d)
      text += fmt::format(" {} {} {} {}", m->dims[d], d > 0 ? m->strides[d - 1] : 0, m->box[d], m->element_strides[d]);
  }
  return hash_text(text).short_hex();
}

// Whose word it is, where every thread stores its own.
std::string place_of(const Case& c, std::size_t word) {
  if (c.output_words > 0) return "";
  const auto threads = static_cast<std::size_t>(c.threads), outputs = static_cast<std::size_t>(c.outputs);
  return fmt::format(" (cta {}, thread {}, %o{})", word / threads / outputs, word % threads, word / threads % outputs);
}

void compare_words(const Case& c, const Answer& answer, const Answer& recorded, Comparison& made) {
  const std::size_t count = std::min(answer.words.size(), recorded.words.size());
  std::size_t different = 0, equal = 0, first = 0;
  for (std::size_t i = count; i-- > 0;) {
    equal += answer.words[i] == recorded.words[i];
    const bool right = c.bound ? can_both_be_right(*c.bound, answer.words[i], recorded.words[i]) : answer.words[i] == recorded.words[i];
    if (!right) ++different, first = i;
  }
  if (different > 0)
    made.differences.push_back(fmt::format("{}: {} of {} words {}, first word {}{}: {:08x}, recorded {:08x}", recorded.name, different, count,
                                           c.bound ? "lie further apart than the PTX ISA allows" : "differ", first, place_of(c, first),
                                           answer.words[first], recorded.words[first]));
  else if (answer.num_words != recorded.num_words || count < answer.words.size())
    made.differences.push_back(
        fmt::format("{}: {} words, recorded {} of {}", recorded.name, answer.num_words, recorded.words.size(), recorded.num_words));
  else if (!c.bound && answer.digest != recorded.digest)
    made.differences.push_back(fmt::format("{}: the first {} of {} words agree, later ones do not", recorded.name, count, answer.num_words));
  else ++made.equal;
  if (c.bound && different == 0)
    made.within.push_back(fmt::format("{}: {} of {} words equal, the others within the bound", recorded.name, equal, count));
}

}  // namespace

std::string digest_of(const std::vector<std::uint32_t>& words) { return hash_bytes(std::as_bytes(std::span(words))).hex(); }

Expected<Answer> ask(const std::shared_ptr<Device>& device, const Case& c) {
  const Arch arch = device->info().arch;
  KernelImage image;
  image.arch = arch;
  image.entry = "k";
  image.ptx = kernel_of(c, arch);
  BSGEN_ASSIGN(const auto function, device->load(image, 0));
  const std::vector<std::uint32_t> inputs = inputs_of(c);
  std::vector<std::uint32_t> outputs(c.words());
  if (c.starts_drawn) std::copy_n(inputs.begin(), outputs.size(), outputs.begin());
  BSGEN_ASSIGN(const DeviceBuffer in, device->allocate(std::max<std::size_t>(inputs.size(), 4) * 4));
  BSGEN_ASSIGN(const DeviceBuffer out, device->allocate(outputs.size() * 4));
  BSGEN_TRY(device->copy_in(in.address(), std::as_bytes(std::span(inputs))));
  BSGEN_TRY(device->copy_in(out.address(), std::as_bytes(std::span(outputs))));
  // The kernel's one parameter.
  struct alignas(64) {
    std::uint64_t in, out, unused[6];
    TensorMap map;
  } parameters = {in.address(), out.address(), {}, {}};
  std::size_t parameter_bytes = 16;
  if (c.map) {
    TensorMapConfig config = *c.map;
    config.address = c.maps_output ? out.address() : in.address();
    BSGEN_ASSIGN(parameters.map, device->encode_tensor_map(config));
    parameter_bytes = sizeof parameters;
  }
  LaunchConfig config;
  config.grid_x = static_cast<std::uint32_t>(c.tiles);
  config.threads = static_cast<std::uint32_t>(c.threads);
  BSGEN_TRY(device->launch(*function, config, std::as_bytes(std::span(&parameters, 1)).first(parameter_bytes), nullptr));
  BSGEN_TRY(device->synchronize());
  BSGEN_TRY(device->copy_out(std::as_writable_bytes(std::span(outputs)), out.address()));
  Answer answer{c.name, question_of(c, inputs), outputs.size(), digest_of(outputs), {}};
  if (!c.bound && outputs.size() > kKeptWords) outputs.resize(kKeptWords);
  answer.words = std::move(outputs);
  return answer;
}

Recording record(const std::shared_ptr<Device>& device, int driver, const std::string& date, const std::vector<Case>& cases,
                 const std::vector<KernelCase>& kernels) {
  const DeviceInfo& info = device->info();
  Recording made;
  made.gpu = info.model;
  made.arch = info.arch.name();
  made.date = date;
  made.source = info.kind == "cuda" ? "hardware" : "simulated";
  made.driver = driver;
  const std::vector<Case> all = cases_for(info.arch);
  const auto probe = std::find_if(all.begin(), all.end(), [](const Case& c) { return c.name == "add.rn.f32/normal"; });
  const auto add = [&](const std::string& name, Expected<Answer> answer) {
    if (answer) {
      made.answers.push_back(*std::move(answer));
      return true;
    }
    made.skipped.push_back(fmt::format("{}: {}", name, answer.status().message()));
    if (answer.status().code() == ErrorCode::kUnsupported || ask(device, *probe)) return true;
    made.lost = name;  // a fault on a GPU breaks the context for everything that follows
    return false;
  };
  for (const Case& c : cases)
    if (!add(c.name, ask(device, c))) return made;
  for (const KernelCase& c : kernels)
    if (!add(c.name, ask_kernel(device, c))) return made;
  return made;
}

Expected<Comparison> compare(const Recording& recording, const std::shared_ptr<Device>& device) {
  std::map<std::string, Case> asked;
  for (Case& c : cases_for(device->info().arch)) asked.emplace(c.name, std::move(c));
  std::map<std::string, KernelCase> kernels;
  for (KernelCase& c : kernel_cases()) kernels.emplace(c.name, std::move(c));
  Comparison made;
  for (const Answer& recorded : recording.answers) {
    if (recorded.name.starts_with("table/"))
      for (Case& c : tables_for(device->info().arch, static_cast<int>(std::bit_width(recorded.num_words)) - 1))
        asked.insert_or_assign(c.name, std::move(c));
    const auto found = asked.find(recorded.name);
    const auto kernel = kernels.find(recorded.name);
    if (found == asked.end() && kernel == kernels.end()) {
      made.not_compared.push_back(fmt::format("{}: not asked of {}", recorded.name, device->info().arch.name()));
      continue;
    }
    const auto answer = found != asked.end() ? ask(device, found->second) : ask_kernel(device, kernel->second);
    if (!answer) {
      made.not_compared.push_back(fmt::format("{}: {}", recorded.name, answer.status().message()));
      continue;
    }
    if (answer->question != recorded.question) {
      made.not_compared.push_back(fmt::format("{}: recorded for another kernel or other inputs; record it again", recorded.name));
      continue;
    }
    ++made.compared;
    if (found != asked.end()) compare_words(found->second, *answer, recorded, made);
    else if (answer->digest == recorded.digest) ++made.equal;
    else made.differences.push_back(fmt::format("{}: the output's digest is {}, recorded {}", recorded.name, answer->digest, recorded.digest));
  }
  return made;
}

}  // namespace bsgen::goldens
