// Stands between the store and the file system: a test says which call fails, and how. Linked into a test executable it
// takes the place of the C library's functions there; while nothing is asked for, it passes every call on.
#pragma once

#include <string_view>
#include <vector>

namespace bsgen::test {

inline constexpr int kShortWrite = -1;  // in place of an errno: half the bytes are written and no error is told

// From here on the nth call fails with `error`; n counts from 1. Calls that cannot fail so are passed on and count.
void fail_nth_call(int n, int error);
// From here on one call in `k`, drawn by `seed`, fails with one of the errors.
void fail_one_in(unsigned k, unsigned seed, std::vector<int> errors);
// From here on files without a name cannot be made, as on file systems that have none.
void refuse_nameless_files();
void stop_failing();     // all of the above
int calls_counted();     // since one of them began
std::string_view failed_call();  // name of the last call that failed; empty: none did

}  // namespace bsgen::test
