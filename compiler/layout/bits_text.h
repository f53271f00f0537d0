// A layout as the generator that spells it out: "bits:2x2:hex=d". Its block and size stand in options of their own.
#pragma once

#include <string>

#include "bsgen/layout.h"

namespace bsgen::layout {

std::string bits_text(const Layout& layout);

}  // namespace bsgen::layout
