// Layout -> mask file. What each format cannot hold is refused, never dropped.
#pragma once

#include <string>
#include <string_view>

#include "bsgen/layout.h"

namespace bsgen::layout {

// The bytes of a mask file in the format that `path` ends in: .txt .npy (blocks as bool, heads outermost), .npz (scipy BSR
// of ones), .smtx .mtx (elements, the first of each block: the same --block reads the layout back), .layout (the text
// form); "-" is .txt.
Expected<std::string> format_mask(const Layout& layout, std::string_view path);

}  // namespace bsgen::layout
