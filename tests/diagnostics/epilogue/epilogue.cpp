// The exact words, and the place of the caret, of every mistake in an epilogue.
#include "tests/support/catch.h"

#include "compiler/epilogue/epilogue.h"

using namespace bsgen;

namespace {
std::string message(std::string_view text) {
  auto parsed = epilogue::parse(text);
  if (parsed) return "accepted: " + parsed->text();
  CHECK(parsed.status().code() == ErrorCode::kInvalidArgument);
  return parsed.status().message();
}
}  // namespace

TEST_CASE("an_unknown_function_is_named_with_the_nearest_one") {
  CHECK(message("acc + gleu(acc)") ==
        "epilogue: no function \"gleu\"; did you mean gelu\n"
        "  acc + gleu(acc)\n"
        "        ^");
  CHECK(message("softmax(acc)") ==
        "epilogue: no function \"softmax\"; there are min, max, abs, exp, tanh, sigmoid, relu, gelu, gelu_tanh, silu\n"
        "  softmax(acc)\n"
        "  ^");
}

TEST_CASE("a_call_with_the_wrong_number_of_arguments_is_refused") {
  CHECK(message("max(acc)") ==
        "epilogue: max takes 2 arguments, found 1\n"
        "  max(acc)\n"
        "  ^");
  CHECK(message("acc * relu(acc, 0)") ==
        "epilogue: relu takes 1 argument, found 2\n"
        "  acc * relu(acc, 0)\n"
        "        ^");
  CHECK(message("exp()") ==
        "epilogue: exp takes 1 argument, found 0\n"
        "  exp()\n"
        "  ^");
}

TEST_CASE("a_name_that_changes_its_kind_is_refused") {
  CHECK(message("acc + bias[n] * bias") ==
        "epilogue: bias was bias[n] before; a name keeps one kind\n"
        "  acc + bias[n] * bias\n"
        "                  ^");
  CHECK(message("r[m,n] + r[m]") ==
        "epilogue: r[m] was r[m,n] before; a name keeps one kind\n"
        "  r[m,n] + r[m]\n"
        "           ^");
}

TEST_CASE("a_wrong_index_is_refused") {
  CHECK(message("acc + bias[k]") ==
        "epilogue: expected an index [n], [m] or [m,n], found \"k\"\n"
        "  acc + bias[k]\n"
        "             ^");
  CHECK(message("acc + r[n,m]") ==
        "epilogue: a matrix is indexed [m,n], token first\n"
        "  acc + r[n,m]\n"
        "          ^");
  CHECK(message("acc + r[m") ==
        "epilogue: expected \",\" or \"]\" after m, found the end\n"
        "  acc + r[m\n"
        "           ^");
  CHECK(message("acc[n]") ==
        "epilogue: acc is the sum of this element and takes no index\n"
        "  acc[n]\n"
        "     ^");
  CHECK(message("acc + n") ==
        "epilogue: n is an index and stands only in brackets, as in bias[n]\n"
        "  acc + n\n"
        "        ^");
}

TEST_CASE("a_function_name_is_no_operand") {
  CHECK(message("acc + relu") ==
        "epilogue: relu is a function; write relu(...), or give the operand another name\n"
        "  acc + relu\n"
        "        ^");
}

TEST_CASE("what_is_missing_in_an_epilogue_is_named_where_it_should_stand") {
  CHECK(message("acc +") ==
        "epilogue: expected acc, a name, a number, a function or \"(\", found the end\n"
        "  acc +\n"
        "       ^");
  CHECK(message("(acc + 1") ==
        "epilogue: expected \")\" to close the parenthesis, found the end\n"
        "  (acc + 1\n"
        "          ^");
  CHECK(message("acc bias[n]") ==
        "epilogue: expected an operator or the end, found \"bias\"\n"
        "  acc bias[n]\n"
        "      ^");
  CHECK(message("gelu(acc") ==
        "epilogue: expected \")\" to close gelu(, found the end\n"
        "  gelu(acc\n"
        "          ^");
  CHECK(message("acc * * 2") ==
        "epilogue: expected acc, a name, a number, a function or \"(\", found \"*\"\n"
        "  acc * * 2\n"
        "        ^");
}

TEST_CASE("characters_and_numbers_that_mean_nothing_are_refused") {
  CHECK(message("acc; exit()") ==
        "epilogue: \";\" means nothing here; the language has + - * / ( ) [ ] , names and numbers\n"
        "  acc; exit()\n"
        "     ^");
  CHECK(message("acc + \xc3\xa9") ==
        "epilogue: \"?\" means nothing here; the language has + - * / ( ) [ ] , names and numbers\n"
        "  acc + ??\n"
        "        ^");
  CHECK(message("acc * 1e99") ==
        "epilogue: 1e99 is outside the range of fp32, 1.2e-38 to 3.4e38\n"
        "  acc * 1e99\n"
        "        ^");
  CHECK(message("acc * 2x") ==
        "epilogue: the number 2 goes on with \"x\"; numbers are decimal, as in 0.5 or 1e-3\n"
        "  acc * 2x\n"
        "         ^");
  CHECK(message("acc * 0x10") ==
        "epilogue: the number 0 goes on with \"x\"; numbers are decimal, as in 0.5 or 1e-3\n"
        "  acc * 0x10\n"
        "         ^");
}

TEST_CASE("a_long_epilogue_is_shown_around_the_mistake") {
  std::string text = "acc";
  for (int i = 0; i < 30; ++i) text += " + acc";
  text += " ; ";
  for (int i = 0; i < 30; ++i) text += " + acc";
  CHECK(message(text) ==
        "epilogue: \";\" means nothing here; the language has + - * / ( ) [ ] , names and numbers\n"
        "  ...+ acc + acc + acc + acc + acc + acc + acc + acc ;  + acc + acc + acc + acc + acc...\n"
        "                                                     ^");
  CHECK(message(std::string(5000, ' ')) == "epilogue: 5000 characters, at most 4096 are read; name parts as operands");
}

TEST_CASE("an_epilogue_that_is_too_deep_is_refused_with_its_limit") {
  std::string text(70, '(');
  text += "acc" + std::string(70, ')');
  CHECK(message(text) ==
        "epilogue: nested deeper than 64 levels\n"
        "  ...((((((((((((((((((((((((((((((((((((((((((((((((((((((acc)))))))))))))))))))))))...\n"
        "                                                     ^");
  std::string chain = "acc";
  for (int i = 0; i < 300; ++i) chain += "-1";
  CHECK(message(chain) ==
        "epilogue: a chain of more than 256 operations; group parts of it with parentheses\n"
        "  ...-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1...\n"
        "                                                     ^");
  std::string many = "acc";
  for (int i = 0; i < 40; ++i) many += "+p" + std::to_string(i);
  CHECK(message(many).substr(0, message(many).find('\n')) == "epilogue: p32 would be operand 33, a kernel takes 32");
}
