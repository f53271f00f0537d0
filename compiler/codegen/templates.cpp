#include "compiler/codegen/templates.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>
#include <string_view>

namespace bsgen::codegen {

namespace {

Expected<std::string> read_template(const std::string& name, const std::string& template_dir) {
  if (template_dir.empty()) {
    const auto found = embedded_templates().find(name);
    if (found == embedded_templates().end())
      return Status(ErrorCode::kInternal, fmt::format("codegen: <{}> is not among the embedded templates", name));
    return found->second;
  }
  const std::string path = template_dir + "/" + name;
  std::ifstream file(path, std::ios::binary);
  if (!file) return Status(ErrorCode::kIo, fmt::format("codegen: cannot read template {}; leave BSGEN_TEMPLATE_DIR unset to use the embedded ones", path));
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Names in `#include <...>` lines.
std::vector<std::string> includes(std::string_view text) {
  constexpr std::string_view kDirective = "#include <";
  std::vector<std::string> names;
  for (std::size_t at = text.find(kDirective); at != std::string_view::npos; at = text.find(kDirective, at + 1)) {
    const std::size_t begin = at + kDirective.size(), end = text.find('>', begin);
    if (end != std::string_view::npos) names.emplace_back(text.substr(begin, end - begin));
  }
  return names;
}

}  // namespace

Expected<std::map<std::string, std::string>> template_headers(const std::vector<std::string>& roots, const std::string& template_dir) {
  std::map<std::string, std::string> headers;
  std::vector<std::string> open = roots;
  while (!open.empty()) {
    const std::string name = open.back();
    open.pop_back();
    if (headers.contains(name)) continue;
    BSGEN_ASSIGN(const std::string text, read_template(name, template_dir));
    for (std::string& next : includes(text)) open.push_back(std::move(next));
    headers.emplace(name, text);
  }
  return headers;
}

}  // namespace bsgen::codegen
