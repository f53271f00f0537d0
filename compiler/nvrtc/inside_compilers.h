// InsideCompilers: a scope in which NVRTC or nvJitLink runs. Internal to compiler/nvrtc.
//
// A fork() during one leaves a child in which their locks stay taken; half of such children hang at their next compile.
#pragma once

#include "bsgen/status.h"

namespace bsgen::nvrtc {

class InsideCompilers {
 public:
  InsideCompilers();
  ~InsideCompilers();
  InsideCompilers(const InsideCompilers&) = delete;
  InsideCompilers& operator=(const InsideCompilers&) = delete;

  Status status() const;  // not ok where nobody may go in any more
};

}  // namespace bsgen::nvrtc
