#include "tools/bsgen/text.h"

#include "tests/support/catch.h"

namespace bsgen::cli {
namespace {

TEST_CASE("columns_of_a_table_line_up_and_nothing_trails") {
  TextTable table({{"name", TextTable::Align::kLeft},
                   {"us", TextTable::Align::kRight},
                   {"note", TextTable::Align::kLeft}});
  table.add({"a", "12.5", "fine"});
  table.add({"long name", "3", ""});
  CHECK(table.str() ==
        "name         us  note\n"
        "a          12.5  fine\n"
        "long name     3\n");
}

TEST_CASE("characters_of_several_bytes_take_one_column") {
  TextTable table({{"a", TextTable::Align::kLeft}, {"b", TextTable::Align::kLeft}});
  table.add({"\xC2\xB5s", "x"});
  table.add({"abc", "y"});
  CHECK(table.str() == "a    b\n\xC2\xB5s   x\nabc  y\n");
}

TEST_CASE("numbers_keep_three_digits_that_mean_something") {
  CHECK(significant(0) == "0");
  CHECK(significant(0.01234) == "0.0123");
  CHECK(significant(12.34) == "12.3");
  CHECK(significant(1234.5) == "1234");
  CHECK(significant(-2.5) == "-2.50");
  CHECK(percent(0.1) == "10.0%");
  CHECK(count(1, "block", "blocks") == "1 block");
  CHECK(count(0, "block", "blocks") == "0 blocks");
}

}  // namespace
}  // namespace bsgen::cli
