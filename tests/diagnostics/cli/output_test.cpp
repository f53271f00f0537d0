// Where output cannot go: an error, exit status 2, and nothing half-written.
#include "tests/support/catch.h"
#include "tests/support/run_tool.h"

namespace bsgen::test {
namespace {

TEST_CASE("a_full_disk_or_a_closed_standard_output_is_an_error") {
  for (const char* arguments : {"compile full:4x4 --emit plan", "explain full:4x4",
                                "explain full:4x4 --json", "--help", "--version"}) {
    INFO(arguments);
    const ToolResult full = run_tool(arguments, "", "> /dev/full");
    CHECK(full.status == 2);
    CHECK(full.err ==
          "bsgen: output: standard output could not be written: No space left on device\n");
    const ToolResult closed = run_tool(arguments, "", ">&-");
    CHECK(closed.status == 2);
    CHECK(closed.err ==
          "bsgen: output: standard output could not be written: Bad file descriptor\n");
  }
}

TEST_CASE("a_file_opened_while_standard_output_is_closed_is_not_written_to_by_accident") {
  const TemporaryFolder folder;
  const std::string path = (folder / "plan").string();
  const ToolResult result = run_tool("compile full:4x4 --emit plan -o " + path, "", ">&-");
  CHECK(result.status == 0);
  CHECK(read_file(path) == run_tool("compile full:4x4 --emit plan").out);
}

TEST_CASE("a_failed_command_leaves_the_file_that_was_there") {
  const TemporaryFolder folder;
  std::ofstream(folder / "page.html") << "old";
  const std::string path = (folder / "page.html").string();
  CHECK(run_tool("view full:4x4 --epilogue 'acc +' -o " + path).status == 2);
  CHECK(run_tool("view nothing.smtx -o " + path).status == 2);
  CHECK(read_file(path) == "old");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()),
                      std::filesystem::directory_iterator()) == 1);
}

TEST_CASE("errors_of_writing_name_the_file") {
  const ToolResult nowhere = run_tool("compile full:4x4 --emit plan -o /nowhere/plan");
  CHECK(nowhere.status == 2);
  CHECK(nowhere.err ==
        "bsgen: output: /nowhere/plan could not be created: No such file or directory\n");
  const ToolResult folder = run_tool("compile full:4x4 --emit plan -o /tmp");
  CHECK(folder.status == 2);
  CHECK(folder.err == "bsgen: output: /tmp is a folder; name a file\n");
}

}  // namespace
}  // namespace bsgen::test
