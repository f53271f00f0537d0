// A recording: what one device answered to every case, with its name, driver and date. zlib over a text of lines, so that it is
// small and can be read by eye (`zlib-flate -uncompress`).
//
//   goldens 1
//   gpu NVIDIA H200
//   arch sm_90a
//   driver 13000
//   date 2026-11-22
//   source hardware                      or "simulated": plumbing only, never evidence
//   case NAME HASH_OF_PTX_AND_INPUTS NUM_WORDS HASH_OF_OUTPUTS
//   words 3f800000 ...                   the first kKeptWords of them, all of an approximate instruction
//   table 2 mmnlm(17)...                 of a table instead: all of them, as differences (recording_file.cpp)
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bsgen/device.h"
#include "tools/goldgen/cases.h"

namespace bsgen::goldens {

struct Answer {
  std::string name{};
  std::string question{};  // hash of the kernel without its header lines, and of its inputs
  std::uint64_t num_words = 0;
  std::string digest{};  // of all outputs
  std::vector<std::uint32_t> words{};
  bool operator==(const Answer&) const = default;
};

struct Recording {
  std::string gpu{}, arch{}, date{}, source{};
  int driver = 0;
  std::vector<Answer> answers{};
  std::vector<std::string> skipped{};  // cases that the device refused, with its reason; not part of the file
  std::string lost{};                  // the case at which the device stopped answering anything; not part of the file
};

inline constexpr std::size_t kKeptWords = 1024;

std::string digest_of(const std::vector<std::uint32_t>& words);

struct KernelCase;
Expected<Answer> ask(const std::shared_ptr<Device>& device, const Case& c);
// Asks `device` all of them. One that is refused is skipped; a device that a case broke is left, with what it answered before.
Recording record(const std::shared_ptr<Device>& device, int driver, const std::string& date, const std::vector<Case>& cases,
                 const std::vector<KernelCase>& kernels);

Status write(const Recording& recording, const std::string& path);
Expected<Recording> read(const std::string& path);

struct Comparison {
  int compared = 0, equal = 0;            // answers
  std::vector<std::string> differences;   // "NAME: 1 of 1024 words differ, first word 17 (cta 0, thread 17, %o0): 3f800000, recorded 3f800001"
  std::vector<std::string> within;        // of approximate instructions: how many words were equal, the rest being within the bound
  std::vector<std::string> not_compared;  // the case is not asked any more, or not in this form
};
// What `device` answers against what was recorded.
Expected<Comparison> compare(const Recording& recording, const std::shared_ptr<Device>& device);

}  // namespace bsgen::goldens
