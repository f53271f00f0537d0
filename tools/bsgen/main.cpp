// bsgen: the command line. Builds the verbs, parses the arguments, runs the chosen verb, and turns
// what it returns into one message and an exit status: 0 done, 1 a check failed, 2 what the caller
// gave is wrong, 3 a part of this machine is missing.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <new>

#include "tools/bsgen/cli.h"
#include "tools/bsgen/command_line.h"

namespace bsgen::cli {
namespace {

Environment& stored_environment() {
  static Environment environment;
  return environment;
}

// A closed standard stream leaves its number free, and the next file that is opened would become
// standard output. Pin them.
void pin_standard_streams() {
  for (int stream = 0; stream <= 2; ++stream)
    if (fcntl(stream, F_GETFD) == -1 && errno == EBADF) {
      // Standard output that nobody can read must fail when written, so it is opened for reading;
      // the other two are harmless.
      const int flags = stream == 1 ? O_RDONLY : O_RDWR;
      if (open("/dev/null", flags) != stream) std::_Exit(2);
    }
}

void add_verbs(CLI::App& app, Action& action) {
  add_compile(app, action);
  add_explain(app, action);
  add_run(app, action);
  add_view(app, action);
  add_bench(app, action);
  add_mask(app, action);
  add_cache(app, action);
  add_bundle(app, action);
  add_doctor(app, action);
}

int fail(const Status& status) {
  std::fflush(stdout);
  std::fprintf(stderr, "bsgen: %s\n", status.message().c_str());
  return exit_status(status.code());
}

// What was printed has arrived, or the run has failed: a full disk or a closed pipe is an error
// like any other.
Status flush_standard_output() {
  errno = 0;
  std::cout.flush();
  const bool failed = std::fflush(stdout) != 0 || std::ferror(stdout) || !std::cout;
  if (!failed) return {};
  return Status(ErrorCode::kIo, std::string("output: standard output could not be written: ") +
                                    (errno ? std::strerror(errno) : "an earlier write failed"));
}

int run(int argc, char** argv) {
  pin_standard_streams();
  CLI::App app;
  Action action;
  describe(app);
  add_verbs(app, action);
  bool shown = false;
  if (const Status status = parse(app, argc, argv, shown); !status.ok()) return fail(status);
  if (!shown) {
    auto environment = Environment::read();
    if (!environment) return fail(environment.status());
    stored_environment() = *std::move(environment);
    BSGEN_ASSERT(action != nullptr, "parse() demands a verb, and each verb sets the action");
    const Expected<int> result = action();
    if (!result) return fail(result.status());
    if (const Status status = flush_standard_output(); !status.ok()) return fail(status);
    return *result;
  }
  if (const Status status = flush_standard_output(); !status.ok()) return fail(status);
  return 0;
}

}  // namespace

const Environment& environment() {
  return stored_environment();
}

}  // namespace bsgen::cli

int main(int argc, char** argv) {
  using namespace bsgen;
  try {
    return cli::run(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fputs("bsgen: out of memory\n", stderr);
  } catch (
      const std::system_error& error) {  // fmt reports a failed write of standard output this way
    std::fprintf(stderr, "bsgen: output: standard output could not be written: %s\n",
                 error.code().message().c_str());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bsgen: bug: an exception reached the command line: %s\n", error.what());
  }
  return 1;
}
