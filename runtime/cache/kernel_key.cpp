#include "runtime/cache/kernel_key.h"

#include <set>

namespace bsgen::runtime {
namespace {

// Names in #include <...> and #include "..." of one text.
std::vector<std::string_view> includes(std::string_view text) {
  std::vector<std::string_view> names;
  const auto skip_blanks = [](std::string_view s) {
    const auto first = s.find_first_not_of(" \t");
    return first == std::string_view::npos ? std::string_view() : s.substr(first);
  };
  while (!text.empty()) {
    const auto end = text.find('\n');
    std::string_view line = skip_blanks(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (!line.starts_with('#')) continue;
    line = skip_blanks(line.substr(1));
    if (!line.starts_with("include")) continue;
    line = skip_blanks(line.substr(7));
    if (line.empty() || (line.front() != '<' && line.front() != '"')) continue;
    const auto close = line.find(line.front() == '<' ? '>' : '"', 1);
    if (close != std::string_view::npos) names.push_back(line.substr(1, close - 1));
  }
  return names;
}

}  // namespace

std::vector<std::string> included_headers(const codegen::KernelSource& source) {
  std::set<std::string> found;
  std::vector<std::string_view> texts = {source.cuda};
  while (!texts.empty()) {
    const std::string_view text = texts.back();
    texts.pop_back();
    for (const std::string_view name : includes(text)) {
      const auto header = source.headers.find(std::string(name));
      if (header != source.headers.end() && found.insert(header->first).second)
        texts.push_back(header->second);
    }
  }
  return {found.begin(), found.end()};
}

ToolchainIdentity identity(const nvrtc::ToolchainInfo& toolchain, const Arch& arch) {
  return {toolchain.nvrtc_build_id, toolchain.builtins_build_id, toolchain.nvjitlink_build_id,
          nvrtc::compile_options(toolchain, arch), nvrtc::assemble_options(arch)};
}

KernelKey kernel_key(const codegen::KernelSource& source, const Arch& arch,
                     const ToolchainIdentity& toolchain) {
  Record record;
  record.add("schema", kKeySchema);
  record.add("bsgen", BSGEN_VERSION);
  record.add("arch", arch.name());
  record.add("entry", source.entry);  // carries the layout's hash, or its class hash in tier table
  record.add("source name", source.name);
  record.add("source sha256", sha256(source.cuda).hex());
  for (const std::string& name : included_headers(source)) {
    record.add("header", name);
    record.add("header sha256", sha256(source.headers.at(name)).hex());
  }
  record.add("nvrtc", toolchain.nvrtc);
  record.add("nvrtc builtins", toolchain.builtins);
  for (const std::string& option : toolchain.compile_options) record.add("nvrtc option", option);
  record.add("nvjitlink", toolchain.nvjitlink);
  for (const std::string& option : toolchain.assemble_options)
    record.add("nvjitlink option", option);
  return KernelKey(std::move(record));
}

}  // namespace bsgen::runtime
