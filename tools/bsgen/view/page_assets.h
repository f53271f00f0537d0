// The files of the page as they were at build time (embed.cmake writes the definitions).
#pragma once

#include <string_view>
#include <vector>

namespace bsgen::cli {

std::string_view page_html();
std::string_view page_css();
std::vector<std::string_view> page_scripts();  // in the order in which they must stand

}  // namespace bsgen::cli
