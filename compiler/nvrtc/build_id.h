// Which build of a library a file holds, remembered so that a file is opened once and not again until it changes.
#pragma once

#include <string>
#include <string_view>

namespace bsgen::nvrtc {

// The file's ELF build-id (hex) or, without one, its size and a hash of its ends. Empty where the file is no library for
// this machine. A file whose path, device, inode, size and times are those of last time is not opened.
std::string build_of_file(const std::string& path);

// All that is remembered, as text for a later process; and such text taken over, as far as this process knows no better.
// Whoever keeps the text answers for its being whole and his.
std::string remembered_builds();
void remember_builds(std::string_view text);

}  // namespace bsgen::nvrtc
