#include <fmt/format.h>

#include "compiler/codegen/parts.h"

namespace bsgen::codegen {

namespace {

const char* kind_name(epilogue::ParameterKind kind) {
  switch (kind) {
    case epilogue::ParameterKind::kScalar: return "kScalar";
    case epilogue::ParameterKind::kVectorN: return "kVectorN";
    case epilogue::ParameterKind::kVectorM: return "kVectorM";
    case epilogue::ParameterKind::kMatrix: return "kMatrix";
  }
  return "";
}

}  // namespace

std::string epilogue_struct(const epilogue::Epilogue& e, bool fast) {
  if (e.identity()) return {};
  std::string parameters, loads, arguments;
  for (std::size_t i = 0; i < e.parameters().size(); ++i) {
    parameters += fmt::format(", float p{}", i);
    arguments += fmt::format(", p{}[i]", i);
    loads += fmt::format(
        "    float p{0}[kCount];  // {1}\n"
        "    bsgen::dev::load_parameter<bsgen::dev::{2}, Out, kAlign, kTokensContiguous, kPartial>(args.epilogue[{0}], head, m, n, valid, p{0});\n",
        i, e.parameters()[i].name, kind_name(e.parameters()[i].kind));
  }
  return fmt::format(
      "// {}\n"
      "struct Epilogue {{\n"
      "  static __device__ __forceinline__ float apply(float acc{}) {{\n"
      "    return {};\n"
      "  }}\n"
      "  template <class Out, int kAlign, bool kTokensContiguous, bool kPartial, class A, int kCount>\n"
      "  static __device__ __forceinline__ void run(const A& args, bsgen::dev::u64 head, int m, int n, int valid, float (&v)[kCount]) {{\n"
      "{}"
      "#pragma unroll\n"
      "    for (int i = 0; i < kCount; ++i) v[i] = apply(v[i]{});\n"
      "  }}\n"
      "}};\n",
      e.text(), parameters, e.device_expression(fast), loads, arguments);
}

}  // namespace bsgen::codegen
