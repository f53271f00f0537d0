// Answers with the message; "hang" and "die" it does.
#include <unistd.h>

#include <chrono>

#include "runtime/compile/helper_process.h"

namespace {

std::string obey(std::string_view message) {
  if (message == "hang") pause();
  if (message == "die") _exit(7);
  if (message == "descriptors") {  // how many above the three are open
    int open = 0;
    for (int fd = 3; fd < 256; ++fd) open += ::lseek(fd, 0, SEEK_CUR) != -1;
    return std::to_string(open);
  }
  return std::string(message);
}

}  // namespace

int main() {
  bsgen::runtime::serve(0, std::chrono::milliseconds(300), &obey);
  return 0;
}
