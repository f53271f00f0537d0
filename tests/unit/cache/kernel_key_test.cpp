#include "runtime/cache/kernel_key.h"

#include <functional>
#include <set>

#include "tests/unit/cache/cache_fixture.h"

using namespace bsgen;
using namespace bsgen::test;

namespace {

struct Input {
  codegen::KernelSource source{.entry = "k",
                               .name = "k.cu",
                               .cuda =
                                   "#include <bsgen/a.cuh>\n  #  include \"bsgen/b.cuh\"\nextern "
                                   "\"C\" __global__ void k() {}\n",
                               .headers = {{"bsgen/a.cuh", "#include <bsgen/c.cuh>\nint a;\n"},
                                           {"bsgen/b.cuh", "int b;\n"},
                                           {"bsgen/c.cuh", "#include <bsgen/a.cuh>\nint c;\n"},
                                           {"bsgen/unused.cuh", "int unused;\n"}}};
  Arch arch{.number = 90, .suffix = '\0'};
  ToolchainIdentity toolchain{
      "n1", "b1", "j1", {"-arch=compute_90", "-fmad=false"}, {"-arch=sm_90"}};
  KernelKey key() const { return kernel_key(source, arch, toolchain); }
};

}  // namespace

TEST_CASE("each_thing_that_an_image_depends_on_changes_its_key") {
  const std::vector<std::pair<std::string, std::function<void(Input&)>>> changes = {
      {"source", [](Input& i) { i.source.cuda += " "; }},
      {"source name, which the line table holds", [](Input& i) { i.source.name = "other.cu"; }},
      {"entry", [](Input& i) { i.source.entry = "other"; }},
      {"included header", [](Input& i) { i.source.headers["bsgen/a.cuh"] += " "; }},
      {"quoted header", [](Input& i) { i.source.headers["bsgen/b.cuh"] += " "; }},
      {"header included by a header", [](Input& i) { i.source.headers["bsgen/c.cuh"] += " "; }},
      {"header that is not there", [](Input& i) { i.source.headers.erase("bsgen/b.cuh"); }},
      {"texts swapped between headers",
       [](Input& i) {
         std::swap(i.source.headers["bsgen/b.cuh"], i.source.headers["bsgen/c.cuh"]);
       }},
      {"architecture", [](Input& i) { i.arch.number = 100; }},
      {"suffix of the architecture", [](Input& i) { i.arch.suffix = 'a'; }},
      {"NVRTC's build", [](Input& i) { i.toolchain.nvrtc = "other build"; }},
      {"builtins' build", [](Input& i) { i.toolchain.builtins = "other build"; }},
      {"nvJitLink's build", [](Input& i) { i.toolchain.nvjitlink = "other build"; }},
      {"no nvJitLink", [](Input& i) { i.toolchain.nvjitlink.clear(); }},
      {"builds swapped", [](Input& i) { std::swap(i.toolchain.nvrtc, i.toolchain.builtins); }},
      {"option of NVRTC", [](Input& i) { i.toolchain.compile_options.push_back("-G"); }},
      {"order of options",
       [](Input& i) { std::swap(i.toolchain.compile_options[0], i.toolchain.compile_options[1]); }},
      {"option of nvJitLink", [](Input& i) { i.toolchain.assemble_options.push_back("-O0"); }},
      {"option moved to the other compiler",
       [](Input& i) {
         i.toolchain.assemble_options.insert(i.toolchain.assemble_options.begin(),
                                             i.toolchain.compile_options.back());
         i.toolchain.compile_options.pop_back();
       }},
  };
  std::set<std::string> seen = {Input().key().hex()};
  for (const auto& [what, change] : changes) {
    CAPTURE(what);
    Input input;
    change(input);
    CHECK(seen.insert(input.key().hex()).second);
  }
}

TEST_CASE("what_an_image_does_not_depend_on_is_not_in_its_key") {
  const std::string key = Input().key().hex();
  Input input;
  input.source.headers["bsgen/unused.cuh"] += "changed";
  CHECK(input.key().hex() == key);
  input.source.headers["bsgen/new.cuh"] = "int n;\n";
  CHECK(input.key().hex() == key);
  const auto here = fs::current_path();
  fs::current_path("/");
  CHECK(Input().key().hex() == key);
  fs::current_path(here);
}

TEST_CASE("included_headers_are_found_through_headers_and_once") {
  CHECK(included_headers(Input().source) ==
        std::vector<std::string>{"bsgen/a.cuh", "bsgen/b.cuh", "bsgen/c.cuh"});
}

TEST_CASE("different_records_have_different_bytes_and_read_back") {
  const auto record = [](std::vector<std::pair<std::string, std::string>> fields) {
    Record r;
    for (const auto& [label, value] : fields) r.add(label, value);
    return r;
  };
  const std::vector<Record> records = {record({}),
                                       record({{"a", "bc"}}),
                                       record({{"ab", "c"}}),
                                       record({{"a", "b"}, {"c", ""}}),
                                       record({{"a", ""}}),
                                       record({{"", "a"}}),
                                       record({{"a", "b"}}),
                                       record({{"a", "b"}, {"", "c"}}),
                                       record({{"a", std::string("b\0c", 3)}}),
                                       record({{"a", "b"}, {"a", "b"}})};
  std::set<std::string> bytes;
  for (const Record& r : records) {
    CHECK(bytes.insert(r.bytes()).second);
    const auto again = Record::parse(r.bytes());
    REQUIRE(again);
    CHECK(*again == r);
    for (std::size_t size = 0; size < r.bytes().size(); ++size)
      CHECK(!Record::parse(r.bytes().substr(0, size)));
    CHECK(!Record::parse(r.bytes() + "x"));
  }
}

// A key that changed without its schema changing would make every cache of the world cold, or
// worse.
TEST_CASE("the_key_of_a_known_input_is_the_known_one") {
  Record record = Input().key().record;
  Record without_version;
  for (const auto& [label, value] : record.fields())
    if (label != "bsgen") without_version.add(label, value);
  CHECK(KernelKey(without_version).hex() ==
        "cf7527005f64681454fbfd523eac9ea3dfcc94b62e03bfea265a0b6c2b100ccd");
}
