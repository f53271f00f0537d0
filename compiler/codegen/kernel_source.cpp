#include "compiler/codegen/kernel_source.h"

#include <fmt/format.h>

namespace bsgen::codegen {

Status KernelSource::verify() const {
  const auto fail = [&](std::string what) { return Status(ErrorCode::kInternal, fmt::format("codegen: {}: {}", entry, what)); };
  if (entry.empty() || cuda.find("extern \"C\" __global__") == std::string::npos) return fail("no entry");
  if (cuda.find(" " + entry + "(") == std::string::npos && cuda.find("\n" + entry + "(") == std::string::npos)
    return fail("the entry is not in the text");
  if (headers.empty()) return fail("no templates");
  return {};
}

}  // namespace bsgen::codegen
