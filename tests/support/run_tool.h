// Runs the built command line as a user would and keeps what it said. BSGEN_TOOL is its path (a
// compile definition).
#pragma once

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace bsgen::test {

struct ToolResult {
  int status = -1;  // exit status; 128 + signal where a signal ended it
  std::string out, err;
};

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// A folder of its own that disappears with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "bsgen-test-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// `arguments` as a shell reads them; `before` stands in front of the tool ("BSGEN_LOG=debug"),
// `after` behind it ("> /dev/full").
inline ToolResult run_tool(const std::string& arguments, const std::string& before = "",
                           const std::string& after = "") {
  const TemporaryFolder folder;
  const std::string out = (folder / "out").string(), err = (folder / "err").string();
  const std::string command = before + " '" BSGEN_TOOL "' " + arguments + " < /dev/null > '" + out +
                              "' 2> '" + err + "' " + after;
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_file(out),
          read_file(err)};
}

}  // namespace bsgen::test
