// One cache entry as bytes: immutable and self-verifying.
//
//   "BSGNKRNL" | format, u32 | bytes of the whole, u64 | number of sections, u32
//   per section: name | number of bytes, u64 | bytes          ("key", "meta", "ptx", "cubin")
//   SHA-256 of all bytes before it
//
// Numbers are little-endian, names length-prefixed. A reader skips sections that it does not know.
// Every format, later ones too, ends with the SHA-256 of all before it, so that damage is told from
// a version of the future.
#pragma once

#include <string>
#include <string_view>

#include "bsgen/kernel.h"
#include "bsgen/status.h"
#include "runtime/cache/kernel_key.h"

namespace bsgen::runtime {

inline constexpr std::uint32_t kEntryFormat = 1;

struct Entry {
  Record key;
  KernelImage image;
  Record about;  // what `cache list` shows and nobody depends on: op, dtype, tier, layout
};

std::string write_entry(const Entry& entry);

enum class EntryState {
  kSound,
  kOtherFormat,  // undamaged, of a format that this bsgen does not read: a miss
  kDamaged,
};
struct EntryReading {
  EntryState state = EntryState::kDamaged;
  Entry entry;      // where sound
  std::string why;  // where not
};
// Any bytes are safe to pass.
EntryReading read_entry(std::string_view bytes);

}  // namespace bsgen::runtime
