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
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bsgen/device.h"
#include "tools/goldgen/cases.h"

namespace bsgen::goldens {

struct Answer {
  std::string name;
  std::string question;  // hash of the kernel without its header lines, and of its inputs
  std::uint64_t num_words = 0;
  std::string digest;    // of all outputs
  std::vector<std::uint32_t> words;
  bool operator==(const Answer&) const = default;
};

struct Recording {
  std::string gpu, arch, date, source;
  int driver = 0;
  std::vector<Answer> answers;
  std::vector<std::string> skipped;  // cases that the device refused, with its reason; not part of the file
};

inline constexpr std::size_t kKeptWords = 1024;

// Asks `device` every case of its architecture.
Expected<Recording> record(const std::shared_ptr<Device>& device, int driver, const std::string& date);
Expected<Answer> ask(const std::shared_ptr<Device>& device, const Case& c);

Status write(const Recording& recording, const std::string& path);
Expected<Recording> read(const std::string& path);

struct Comparison {
  int compared = 0, equal = 0;            // answers
  std::vector<std::string> differences;   // "NAME: word 17 is 3f800000, recorded 3f800001 (...)"
  std::vector<std::string> not_compared;  // the case is not asked any more, or not in this form
};
// What `device` answers against what was recorded.
Expected<Comparison> compare(const Recording& recording, const std::shared_ptr<Device>& device);

}  // namespace bsgen::goldens
