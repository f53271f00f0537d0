#include "compiler/plan/machine.h"

namespace bsgen::plan {

const Machine& machine(const Arch& arch) {
  static constexpr Machine kTuring{"T4", 40, 1.59, 512, 64, 128, 32, 320, 1024};
  static constexpr Machine kA100{"A100", 108, 1.41, 1024, 64, 128, 47, 1935, 2048};
  static constexpr Machine kOrin{"Orin", 16, 1.3, 512, 128, 128, 32, 204, 1536};
  static constexpr Machine kAmpere{"RTX A6000", 84, 1.8, 512, 128, 128, 32, 768, 1536};
  static constexpr Machine kAda{"L40S", 142, 2.52, 512, 128, 128, 32, 864, 1536};
  static constexpr Machine kHopper{"H200", 132, 1.755, 1130, 128, 128, 30, 4300, 2048};
  static constexpr Machine kBlackwell{"B200", 148, 1.85, 1130, 128, 128, 40, 7000, 2048};
  static constexpr Machine kThor{"Thor", 20, 1.57, 1130, 128, 128, 32, 273, 1536};
  static constexpr Machine kBlackwellConsumer{"RTX PRO 6000", 188, 2.4, 512, 128, 128, 32, 1792, 1536};
  switch (arch.number) {
    case 75: return kTuring;
    case 80: return kA100;
    case 87: case 88: return kOrin;
    case 86: return kAmpere;
    case 89: return kAda;
    case 90: return kHopper;
    case 100: case 103: return kBlackwell;
    case 110: return kThor;
    default: return kBlackwellConsumer;
  }
}

}  // namespace bsgen::plan
