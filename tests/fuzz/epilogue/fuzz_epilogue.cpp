// Any bytes are an epilogue or a message. What parses prints, reads back, evaluates, and emits only letters of the language.
#include <cstdlib>
#include <string_view>

#include "compiler/epilogue/epilogue.h"

using namespace bsgen;

namespace {
void require(bool condition) {
  if (!condition) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed = epilogue::parse({reinterpret_cast<const char*>(data), size});
  if (!parsed) {
    require(parsed.status().message().substr(0, 10) == "epilogue: ");
    return 0;
  }
  for (const bool fast : {false, true}) {
    const std::string code = parsed->device_expression(fast);
    for (const char c : code) require((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || std::string_view("()<>:,+-*/. _").find(c) != std::string_view::npos);
  }
  if (parsed->text().size() <= 4096) {
    const auto again = epilogue::parse(parsed->text());
    require(again.ok() && again->text() == parsed->text() && again->parameters() == parsed->parameters());
  }
  const std::vector<double> values(parsed->parameters().size(), 0.5);
  (void)parsed->evaluate(1.0, values);
  (void)parsed->evaluate({-1.0, 1.0}, values, true);
  (void)parsed->evaluate_fp32(1.0f, values);
  return 0;
}
