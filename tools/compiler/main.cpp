// bsgen-compiler: compiles what a process that uses bsgen sends it. Not for people: it is started by the library (runtime/compile), one
// or several at a time, with a socket as its standard input, and ends when that is closed or half a minute passed without a job.
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "runtime/compile/compile_job.h"
#include "runtime/compile/helper_process.h"

int main() {
  struct stat input {};
  if (fstat(0, &input) != 0 || !S_ISSOCK(input.st_mode)) {
    std::fputs("bsgen-compiler: started by the bsgen library, not by hand; see `bsgen compile --help`\n", stderr);
    return 2;
  }
  // What the host left open is not ours to keep open: a pipe whose reader waits for its end, say.
  closefrom(3);
  bsgen::runtime::serve(0, std::chrono::seconds(30), &bsgen::runtime::answer_job);
  // No destructors: the compilers' libraries may have threads of their own.
  _exit(0);
}
