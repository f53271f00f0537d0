// The processor that figures were taken on, as it names itself.
#pragma once

#include <string>

namespace bsgen::bench {
std::string cpu_name();  // "AMD EPYC 9354, AVX-512"
}
