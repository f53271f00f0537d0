#include "compiler/plan/machine.h"

#include <cctype>
#include <string>

namespace bsgen::plan {
namespace {

constexpr std::uint8_t kHopperUp = kTensorRate | kL2Rate;
constexpr std::uint8_t kEverything = kTensorRate | kL2Rate | kMemoryRate | kClockRate;

//                                             SMs  GHz   mma   peak  fp32 shared L2  GB/s  thr.  ctas
constexpr Machine kMachines[] = {
    {"T4",           75, 40, 1.59, 512, 512, 64, 128, 32, 320, 1024, 16, kL2Rate},
    {"A100",         80, 108, 1.41, 1024, 1024, 64, 128, 47, 1935, 2048, 32, kL2Rate},
    {"RTX A6000",    86, 84, 1.8, 512, 512, 128, 128, 32, 768, 1536, 16, kL2Rate},
    {"RTX 3090",     86, 82, 1.695, 256, 256, 128, 128, 32, 936, 1536, 16, kEverything},
    {"Orin",         87, 16, 1.3, 512, 512, 128, 128, 32, 204, 1536, 16, kEverything},
    {"L40S",         89, 142, 2.52, 512, 512, 128, 128, 32, 864, 1536, 24, kL2Rate},
    {"RTX 4090",     89, 128, 2.52, 256, 256, 128, 128, 32, 1008, 1536, 24, kEverything},
    {"H200",         90, 132, 1.755, 1130, 2048, 128, 128, 30, 4300, 2048, 32, kHopperUp},
    {"H100",         90, 132, 1.755, 1130, 2048, 128, 128, 30, 3350, 2048, 32, kEverything},
    {"B200",         100, 148, 1.85, 1130, 4096, 128, 128, 40, 7000, 2048, 32, kHopperUp | kMemoryRate},
    {"Thor",         110, 20, 1.57, 1130, 1130, 128, 128, 32, 273, 1536, 24, kEverything},
    {"RTX PRO 6000", 120, 188, 2.4, 512, 512, 128, 128, 32, 1792, 1536, 24, kHopperUp},
};

std::string folded(std::string_view name) {
  std::string text;
  for (char c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) text += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

std::span<const Machine> machines() { return kMachines; }

const Machine* find_machine(std::string_view name) {
  const std::string wanted = folded(name);
  for (const Machine& each : kMachines)
    if (!wanted.empty() && folded(each.name) == wanted) return &each;
  return nullptr;
}

const Machine& machine(const Arch& arch) {
  int number = arch.number;
  if (number == 88) number = 87;
  if (number == 103) number = 100;
  for (const Machine& each : kMachines)
    if (each.arch == number) return each;
  return *find_machine("RTX PRO 6000");
}

}  // namespace bsgen::plan
