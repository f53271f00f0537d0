#include "tools/bsgen/command_line.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <sstream>

#include "bsgen/options.h"
#include "compiler/support/nearest.h"
#include "tools/bsgen/cli.h"

namespace bsgen::cli {
namespace {

std::vector<CLI::App*> verbs_of(CLI::App& app) {
  return app.get_subcommands([](CLI::App*) { return true; });
}

// The innermost verb that was given: `make` of `bsgen mask make`, the application itself when there
// is none.
CLI::App& innermost(CLI::App& app) {
  const auto parsed = app.get_subcommands();
  return parsed.empty() ? app : innermost(*parsed.front());
}

// Every verb with its own verbs, the application first.
void collect(CLI::App& app, std::vector<CLI::App*>& all) {
  all.push_back(&app);
  for (CLI::App* verb : verbs_of(app)) collect(*verb, all);
}

// "mask make"; "" for the application.
std::string path(const CLI::App& verb) {
  if (!verb.get_parent()) return "";
  const std::string outer = path(*verb.get_parent());
  return (outer.empty() ? "" : outer + " ") + verb.get_name();
}

// "mask make: ", what a message about this verb begins with.
std::string prefix(const CLI::App& verb) {
  return verb.get_parent() ? path(verb) + ": " : "";
}
std::string command(const CLI::App& verb) {
  return verb.get_parent() ? "bsgen " + path(verb) : "bsgen";
}

std::vector<std::string> option_names(const CLI::App& verb) {
  std::vector<std::string> names;
  for (const CLI::Option* option : verb.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back(fmt::format("--{}", name));
  return names;
}

bool has_option(const CLI::App& verb, const std::string& name) {
  return verb.get_option_no_throw(name) != nullptr;
}

Status wrong(std::string message) {
  return Status(ErrorCode::kInvalidArgument, std::move(message));
}

// "--tokens=4" -> "--tokens".
std::string option_name(const std::string& argument) {
  return argument.substr(0, argument.find('='));
}

Status refuse_option(CLI::App& app, CLI::App& verb, const std::string& argument) {
  const std::string option = option_name(argument);
  std::vector<CLI::App*> all;
  collect(app, all);
  std::vector<std::string> owners;
  for (const CLI::App* other : all)
    if (other != &verb && other->get_parent() && has_option(*other, option))
      owners.push_back(path(*other));
  if (!verb.get_parent() && !owners.empty())
    return wrong(
        fmt::format("{} stands after its verb: bsgen {} ... {}", option, owners.front(), argument));
  const std::string near = nearest(option, option_names(verb));
  if (!owners.empty())
    return wrong(fmt::format("{}no option {} here (it belongs to {}); the nearest is {}",
                             prefix(verb), option, fmt::join(owners, ", "), near));
  return wrong(fmt::format("{}no option {}; the nearest is {}", prefix(verb), option, near));
}

Status refuse_verb(CLI::App& parent, const std::string& argument) {
  std::vector<std::string> names;
  for (const CLI::App* verb : verbs_of(parent)) names.push_back(verb->get_name());
  return wrong(fmt::format("{}no verb \"{}\"; the nearest is {}, {} --help lists them",
                           prefix(parent), argument, nearest(argument, names), command(parent)));
}

bool is_number(const std::string& text) {
  char* end = nullptr;
  std::strtod(text.c_str(), &end);
  return !text.empty() && *end == '\0';
}

// "Could not convert: --tokens = abc" and its like, in our words. CLI11 gives no structure, only
// this text.
Status explain_error(const CLI::App& where, const CLI::ParseError& error) {
  const std::string begin = prefix(where);
  std::string text = error.what();
  const std::string convert = "Could not convert: ";
  if (text.rfind(convert, 0) == 0) {
    const std::string rest = text.substr(convert.size());
    const auto equals = rest.find(" = ");
    if (equals != std::string::npos) {
      const std::string option = rest.substr(0, equals), value = rest.substr(equals + 3);
      const CLI::Option* known = where.get_option_no_throw(option);
      const std::string type = known ? known->get_type_name() : "";
      const char* wanted = type.rfind("UINT", 0) == 0  ? "a whole number of at least 0"
                           : type.rfind("INT", 0) == 0 ? "a whole number"
                           : is_number(value)          ? "a whole number in range"
                                                       : "a number";
      return wrong(fmt::format("{}{} takes {}, not \"{}\"", begin, option, wanted, value));
    }
  }
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error)) {
    const std::string option = text.substr(0, text.find_first_of(": "));
    if (text.find("missing") != std::string::npos || text.find("at least") != std::string::npos)
      return wrong(fmt::format("{}{} needs a value", begin, option));
    return wrong(
        fmt::format("{}{} is given more than once or with too many values", begin, option));
  }
  if (dynamic_cast<const CLI::RequiredError*>(&error)) {
    const std::string missing = text.substr(0, text.find(" is required"));
    return wrong(
        fmt::format("{}{} is missing; {} --help shows an example", begin, missing, command(where)));
  }
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return wrong(begin + text);
}

// The first argument that nobody took, if any.
std::optional<Status> refuse_leftover(CLI::App& app) {
  CLI::App& verb = innermost(app);
  const auto is_option = [](const std::string& s) {
    return s.size() > 1 && s[0] == '-' && s != "--";
  };
  for (CLI::App* place = &verb; place; place = place->get_parent()) {
    const auto left = place->remaining();
    if (left.empty()) continue;
    if (const auto option = std::find_if(left.begin(), left.end(), is_option); option != left.end())
      return refuse_option(app, *place, *option);
    if (!verbs_of(*place).empty() && place == &verb) return refuse_verb(*place, left.front());
    return wrong(fmt::format("{}\"{}\" is one argument too many; {} --help shows what it takes",
                             prefix(verb), left.front(), command(verb)));
  }
  return std::nullopt;
}

// CLI11 hands the footer of `app` down to verbs that have none of their own; it belongs to the
// whole. Verbs whose file gives no example get one here.
void finish_footers(CLI::App& app) {
  const std::pair<const char*, const char*> examples[] = {
      {"mask",
       "\nExamples: draw a mask; what is it like, before anything is compiled?\n"
       "  bsgen mask make random:64x64:density=0.1,seed=7 -o mask.npy\n"
       "  bsgen mask info layer.smtx --block 32 --keep 0.1\n"},
      {"cache",
       "\nExamples: what does the kernel cache hold; is all of it sound?\n"
       "  bsgen cache stats\n"
       "  bsgen cache verify\n"},
      {"doctor",
       "\nExample: what was found on this machine, what was not, and how to get it\n"
       "  bsgen doctor\n"}};
  std::vector<CLI::App*> all;
  collect(app, all);
  for (CLI::App* verb : all) {
    if (verb == &app) continue;
    if (verb->get_footer() == app.get_footer()) verb->footer("");
    for (const auto& [name, text] : examples)
      if (path(*verb) == name && verb->get_footer().find("Example") == std::string::npos)
        verb->footer(text + verb->get_footer());
  }
}

std::string environment_table() {
  std::string table = "Environment (a variable or value that is not listed is an error):\n";
  for (const auto& v : environment_variables())
    table += fmt::format(
        "  {:<20}  {}\n  {:<20}  {}{}\n", v.name, v.what, "", v.values,
        v.default_value.empty() ? std::string() : fmt::format("; default {}", v.default_value));
  return table;
}

}  // namespace

std::string nearest(std::string_view text, const std::vector<std::string>& candidates) {
  const std::vector<std::string_view> views(candidates.begin(), candidates.end());
  return std::string(bsgen::nearest(text, views));
}

void describe(CLI::App& app) {
  app.name("bsgen");
  app.description(
      "bsgen makes GPU kernels for block-sparse matrices: give it a mask, it plans, writes CUDA "
      "for that very mask,\n"
      "compiles it, and runs it on a GPU or on the simulated device that needs none.\n\n"
      "  bsgen compile banded:64x64:width=3                     report: plan, registers, shared "
      "memory, times\n"
      "  bsgen run mask.txt --tokens 256 --device sim           execute and judge against a "
      "float64 reference\n"
      "  bsgen explain random:64x64:density=0.1                 every plan that was considered, "
      "and why it lost\n"
      "  bsgen view mask.txt -o page.html                       one page to understand the "
      "kernel\n");
  app.set_version_flag("--version", "bsgen " BSGEN_VERSION, "print the version");
  app.require_subcommand(1);
  app.footer(
      "\nMASK is a file (.txt .npy .npz .mtx .smtx) or a generator, "
      "name:ROWSxCOLS[:key=value,...], in blocks.\n"
      "bsgen VERB --help shows a verb's options and an example.\n\n"
      "Exit status: 0 done; 1 a check failed; 2 what you gave is wrong; 3 a part of this machine "
      "is missing.\n\n" +
      environment_table());
}

Status parse(CLI::App& app, int argc, const char* const* argv, bool& shown) {
  // Extras are collected, not refused by CLI11, so that the refusal can name the nearest option.
  std::vector<CLI::App*> all;
  collect(app, all);
  for (CLI::App* verb : all) verb->allow_extras();
  finish_footers(app);
  shown = false;
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& show) {  // --help, --version
    std::ostringstream text;
    app.exit(show, text, text);
    shown = true;
    return write_output("-", text.str());
  } catch (const CLI::ParseError& error) {
    if (auto refused = refuse_leftover(app)) return *refused;
    CLI::App& verb = innermost(app);
    if (!verbs_of(verb).empty())
      return wrong(
          fmt::format("{}a verb is missing; {} --help lists them", prefix(verb), command(verb)));
    return explain_error(verb, error);
  }
  if (auto refused = refuse_leftover(app)) return *refused;
  return {};
}

}  // namespace bsgen::cli
