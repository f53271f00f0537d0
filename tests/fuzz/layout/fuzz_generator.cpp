// Any text as a generator: refused with a message, or run where its grid is small and then verified.
#include <cstdio>
#include <cstdlib>

#include "compiler/layout/generators.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto spec = bsgen::layout::parse_generator(text, 1);
  if (!spec || spec->rows * spec->cols > 16384) return 0;
  const auto layout = bsgen::layout::generate(*spec, {8, 16}, {});
  if (!layout || !layout->verify().ok()) {
    std::fprintf(stderr, "a generator that was accepted must give a layout: %s\n", layout.status().message().c_str());
    std::abort();
  }
  return 0;
}
