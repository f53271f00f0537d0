// DIR/compilers: which build each compiler's file holds, kept beside the entries, so that a process that only has hits
// opens no compiler at all (compiler/nvrtc/build_id.h says how a file is recognised).
#pragma once

#include <string>

#include "runtime/cache/cache_files.h"

namespace bsgen::runtime {

// Into what this process remembers. A file that is not there, not whole or not to be trusted is passed over.
void recall_compiler_builds(const std::string& directory, Trust trust);
// What this process remembers, where the file says less. The folder exists and is this process's.
void keep_compiler_builds(const std::string& directory, Trust trust);
void forget_compiler_builds(const std::string& directory);

}  // namespace bsgen::runtime
