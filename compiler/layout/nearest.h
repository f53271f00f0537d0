// The near miss that an unknown name is answered with.
#pragma once

#include <span>
#include <string_view>

namespace bsgen::layout {

// The candidate with the smallest edit distance (insert, delete, replace, swap of neighbours); the first of equals.
std::string_view nearest(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace bsgen::layout
