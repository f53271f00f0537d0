// Any bytes are a module or a message that names a line; what parses either decodes or is refused. Nothing is executed.
#include <cstdlib>
#include <string>

#include "runtime/sim/decode/decoder.h"
#include "runtime/sim/ptx/inline_calls.h"
#include "runtime/sim/ptx/parser.h"

using namespace bsgen;
using namespace bsgen::sim;

namespace {
void require(bool condition) {
  if (!condition) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto module = ptx::parse(std::string(reinterpret_cast<const char*>(data), size));
  if (!module) {
    require(module.status().message().starts_with("sim: ptx line "));
    require(module.status().code() == ErrorCode::kInvalidArgument);
    return 0;
  }
  const std::vector<std::uint64_t> addresses(module->variables.size(), std::uint64_t{1} << 48);
  for (const ptx::Function& function : module->functions) {
    if (!function.is_entry || !function.is_defined) continue;
    const auto flat = ptx::inline_calls(*module, function);
    if (!flat) continue;
    const auto program = decode(*module, *flat, addresses);
    if (!program) continue;
    // Every place that an op names lies inside the register file, every target inside the program.
    require(program->ops.size() == flat->body.size() + 1);
    for (const sim::Op& op : program->ops) {
      require(op.guard == kNoGuard || op.guard < program->register_file_bytes);
      if (op.kind == OpKind::kBranch) require(op.target < program->ops.size());
      if (op.kind == OpKind::kPlain) require(op.handler != nullptr);
    }
  }
  return 0;
}
