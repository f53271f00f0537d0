#include "tools/bsgen/view/page.h"

#include <algorithm>

#include "tools/bsgen/view/page_assets.h"

namespace bsgen::cli {
namespace {

// Each marker stands once in page.html. Replaced in one pass over the template, so that a value
// that holds a marker stays as it is.
std::string fill(std::string_view page,
                 std::initializer_list<std::pair<std::string_view, std::string_view>> values) {
  std::string filled;
  for (std::size_t at = 0; at < page.size();) {
    std::size_t next = std::string_view::npos;
    const std::pair<std::string_view, std::string_view>* found = nullptr;
    for (const auto& value : values)
      if (const std::size_t place = page.find(value.first, at); place < next)
        next = place, found = &value;
    if (!found) {
      filled += page.substr(at);
      break;
    }
    filled += page.substr(at, next - at);
    filled += found->second;
    at = next + found->first.size();
  }
  return filled;
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

// Inside a JSON string these characters may be written as \u escapes; outside of strings JSON has
// none of them. So no text of a mask's author can end the script element or begin a comment in it.
std::string escape_script_json(std::string json) {
  std::string escaped;
  escaped.reserve(json.size());
  for (std::size_t i = 0; i < json.size(); ++i) {
    switch (json[i]) {
      case '<':
        escaped += "\\u003c";
        break;
      case '>':
        escaped += "\\u003e";
        break;
      case '&':
        escaped += "\\u0026";
        break;
      default:
        escaped += json[i];
    }
  }
  return escaped;
}

std::string make_page(const PageInput& input) {
  std::string script;
  for (const std::string_view part : page_scripts()) script += part;
  const std::string model =
      escape_script_json(page_model(input).dump(-1, ' ', false, Json::error_handler_t::replace));
  const std::string title = escape_html(input.name) + " \xC2\xB7 bsgen";
  return fill(
      page_html(),
      {{"@TITLE@", title}, {"@STYLE@", page_css()}, {"@MODEL@", model}, {"@SCRIPT@", script}});
}

}  // namespace bsgen::cli
