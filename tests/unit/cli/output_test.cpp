#include <sys/stat.h>
#include <unistd.h>

#define BSGEN_TOOL ""
#include "tests/support/catch.h"
#include "tests/support/run_tool.h"
#include "tools/bsgen/cli.h"

namespace bsgen::cli {
namespace {

using test::read_file;
using test::TemporaryFolder;

std::size_t num_files(const TemporaryFolder& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder.path()),
                                                std::filesystem::directory_iterator()));
}

TEST_CASE("a_file_holds_exactly_the_bytes") {
  const TemporaryFolder folder;
  const std::string bytes("a\0b\n\xFF", 5);
  REQUIRE(write_output((folder / "out").string(), bytes, true).ok());
  CHECK(read_file(folder / "out") == bytes);
  CHECK(num_files(folder) == 1);
}

TEST_CASE("a_file_that_is_replaced_keeps_its_permissions_and_links_to_it_stay_links") {
  const TemporaryFolder folder;
  REQUIRE(write_output((folder / "out").string(), "old").ok());
  REQUIRE(chmod((folder / "out").c_str(), 0640) == 0);
  std::filesystem::create_symlink(folder / "out", folder / "link");
  REQUIRE(write_output((folder / "link").string(), "new").ok());
  CHECK(read_file(folder / "out") == "new");
  CHECK(std::filesystem::is_symlink(folder / "link"));
  struct stat info {};
  REQUIRE(stat((folder / "out").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0640);
}

TEST_CASE("a_write_that_fails_leaves_what_was_there_and_nothing_else") {
  const TemporaryFolder folder;
  const Status missing = write_output((folder / "none" / "out").string(), "x");
  CHECK(missing.code() == ErrorCode::kIo);
  const Status directory = write_output(folder.path().string(), "x");
  CHECK(directory.message() == "output: " + folder.path().string() + " is a folder; name a file");
  CHECK(num_files(folder) == 0);
  const Status full = write_output("/dev/full", "x");
  CHECK(full.message() == "output: /dev/full could not be written: No space left on device");
}

}  // namespace
}  // namespace bsgen::cli
