#include "compiler/support/nearest.h"
#include "tests/support/catch.h"
#include "tools/bsgen/command_line.h"

namespace bsgen::cli {
namespace {

const std::vector<std::string> kVerbs = {"compile", "explain", "run",   "view",
                                         "bench",   "mask",    "cache", "doctor"};

TEST_CASE("a_slip_of_the_finger_finds_the_verb") {
  CHECK(nearest("complie", kVerbs) == "compile");  // two neighbours swapped
  CHECK(nearest("benhc", kVerbs) == "bench");
  CHECK(nearest("explan", kVerbs) == "explain");  // one missing
  CHECK(nearest("views", kVerbs) == "view");      // one too many
  CHECK(nearest("nask", kVerbs) == "mask");       // one wrong
}

TEST_CASE("a_word_that_begins_as_the_text_does_is_nearest") {
  CHECK(nearest("--plan-t", {"--tier", "--plan", "--plan-tokens"}) == "--plan-tokens");
  CHECK(nearest("doc", kVerbs) == "doctor");
}

TEST_CASE("of_two_words_as_far_the_one_that_begins_alike_is_nearest") {
  CHECK(nearest("--tile", {"--size", "--tier"}) == "--tier");
}

TEST_CASE("edits_are_counted_as_people_make_them") {
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("cuasal", "causal") == 1);  // neighbours that changed places
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance(std::string(1 << 20, 'a'), "a") == 63);  // what a stranger types is not bounded, the work is
}

TEST_CASE("something_is_named_however_far_it_is") {
  CHECK(!nearest("zzzzzzzzzz", kVerbs).empty());
  CHECK(nearest("x", {}).empty());
}

}  // namespace
}  // namespace bsgen::cli
