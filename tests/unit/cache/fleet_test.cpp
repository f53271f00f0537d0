// The tier of a fleet, against a server of Redis's protocol that is started here on loopback; and what is no server.
#include "runtime/cache/fleet_cache.h"

#include <arpa/inet.h>
#include <spawn.h>
#include <sys/socket.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "tests/unit/cache/cache_fixture.h"

extern char** environ;

using namespace bsgen;
using namespace bsgen::test;

namespace {

// A port of loopback that nobody listens on, as far as can be known.
int free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  bind(fd, reinterpret_cast<sockaddr*>(&address), size);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  close(fd);
  return ntohs(address.sin_port);
}

// Listens and never answers.
struct SilentServer {
  int fd = socket(AF_INET, SOCK_STREAM, 0), port = 0;
  SilentServer() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    bind(fd, reinterpret_cast<sockaddr*>(&address), size);
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    listen(fd, 8);
    port = ntohs(address.sin_port);
  }
  ~SilentServer() { close(fd); }
};

bool answers(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool connected = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return connected;
}

struct Server {
  CacheFolder folder;
  int port = free_port();
  pid_t child = 0;
  Server() {
    fs::create_directories(folder.path);
    const std::string text = std::to_string(port), dir = folder.str(), log = dir + "/log";
    for (const char* program : {"redis-server", "valkey-server"}) {
      const char* arguments[] = {program, "--port", text.c_str(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir.c_str(), "--logfile", log.c_str(), nullptr};
      if (posix_spawnp(&child, program, nullptr, nullptr, const_cast<char**>(arguments), environ) == 0) break;
      child = 0;
    }
    for (int i = 0; child && i < 500 && !answers(port); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ~Server() { stop(); }
  void stop() {
    if (child) kill(child, SIGKILL);
    if (child) waitpid(child, nullptr, 0);
    child = 0;
  }
  std::string url() const { return "redis://127.0.0.1:" + std::to_string(port); }
  // A command of words without blanks, as redis-cli would send it; its answer.
  std::string command(const std::string& line) const {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    const std::string text = line + "\r\n";
    REQUIRE(write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    char answer[256];
    const ssize_t n = read(fd, answer, sizeof answer);
    close(fd);
    return std::string(answer, static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  }
};

std::string secret_file(const CacheFolder& folder, char fill = 's', std::size_t bytes = 32) {
  const fs::path path = folder.path / (std::string("secret-") + fill);
  write_file(path, std::string(bytes, fill));
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  return path.string();
}

struct Machine {  // one of the fleet: a cache folder of its own
  CacheFolder folder;
  Log log;
  KernelStore store;
  Machine(const std::string& url, const std::string& secret, bool read_only = false)
      : store({.memory = false, .directory = folder.str(), .fleet = {url, secret, read_only}, .logger = log.logger()}) {}
  KernelOrigin ask(int n) {
    const auto result = store.get(make_key(n), make_about(), [n]() -> Expected<KernelImage> { return make_image(n); });
    REQUIRE(result);
    CHECK(*result->image == make_image(n));
    return result->origin;
  }
};

}  // namespace

#define BSGEN_NEED_SERVER(server)                                        \
  if (!why_no_fleet_cache().empty()) BSGEN_SKIP(why_no_fleet_cache());   \
  Server server;                                                         \
  if (!server.child) BSGEN_SKIP("neither redis-server nor valkey-server is installed")

TEST_CASE("a_kernel_compiled_on_one_machine_is_served_to_the_others_of_its_fleet") {
  BSGEN_NEED_SERVER(server);
  const CacheFolder keys;
  const std::string secret = secret_file(keys);
  Machine first(server.url(), secret), second(server.url(), secret), third(server.url(), secret, true);
  CHECK(first.ask(1) == KernelOrigin::kCompiled);
  CHECK(second.ask(1) == KernelOrigin::kDisk);
  CHECK(second.store.counts().hits_shared == 1);
  CHECK(second.ask(1) == KernelOrigin::kDisk);  // from its own folder by now
  CHECK(second.store.counts().hits_disk == 1);
  CHECK(third.ask(1) == KernelOrigin::kDisk);
  CHECK(third.ask(2) == KernelOrigin::kCompiled);  // read-only: kept to itself
  CHECK(first.ask(2) == KernelOrigin::kCompiled);
  for (const Machine* machine : {&first, &second, &third}) CHECK(machine->log.lines.empty());
}

TEST_CASE("a_value_without_the_fleet_s_secret_is_refused_once_and_for_all") {
  BSGEN_NEED_SERVER(server);
  const CacheFolder keys;
  Machine writer(server.url(), secret_file(keys, 'a'));
  CHECK(writer.ask(1) == KernelOrigin::kCompiled);
  CHECK(writer.ask(2) == KernelOrigin::kCompiled);
  {
    Machine stranger(server.url(), secret_file(keys, 'b'));
    CHECK(stranger.ask(1) == KernelOrigin::kCompiled);
    CHECK(stranger.ask(2) == KernelOrigin::kCompiled);
    REQUIRE(stranger.log.lines.size() == 1);
    CHECK(stranger.log.lines[0] == "cache: the server " + server.url() + " is not used: its value bsgen:v1:" + make_key(1).hex() +
                                       " was not written with this fleet's secret; kernels come from this machine alone");
  }
  const auto tampered = [&](const std::string& command) {
    CHECK(server.command(command).starts_with("-") == false);
    Machine reader(server.url(), secret_file(keys, 'a'));
    CHECK(reader.ask(1) == KernelOrigin::kCompiled);
    CHECK(reader.log.lines.size() == 1);
    CHECK(reader.store.counts().hits_shared == 0);
  };
  const std::string name = "bsgen:v1:" + make_key(1).hex();
  tampered("SETRANGE " + name + " 200 x");                               // a byte changed
  tampered("COPY bsgen:v1:" + make_key(2).hex() + " " + name + " REPLACE");  // another key's sound value
  tampered("SET " + name + " x");                                        // too short for a seal
  CHECK(server.command("DEL " + name) == ":1\r\n");
  CHECK(server.command("LPUSH " + name + " x") == ":1\r\n");
  Machine reader(server.url(), secret_file(keys, 'a'));
  CHECK(reader.ask(1) == KernelOrigin::kCompiled);  // not even a string
  CHECK(reader.log.lines.size() == 1);
}

TEST_CASE("a_server_that_dies_costs_one_warning_and_no_signal") {
  BSGEN_NEED_SERVER(server);
  const CacheFolder keys;
  Machine machine(server.url(), secret_file(keys));
  CHECK(machine.ask(1) == KernelOrigin::kCompiled);
  server.stop();
  for (int n = 2; n < 5; ++n) CHECK(machine.ask(n) == KernelOrigin::kCompiled);
  CHECK(machine.log.lines.size() == 1);
}

TEST_CASE("a_child_of_fork_speaks_through_a_connection_of_its_own") {
  BSGEN_NEED_SERVER(server);
  const CacheFolder keys;
  Machine machine(server.url(), secret_file(keys));
  CHECK(machine.ask(1) == KernelOrigin::kCompiled);
  const pid_t child = fork();
  if (child == 0) {
    bool good = true;
    for (int n = 10; n < 60; ++n) good = good && machine.store.get(make_key(n), {}, [n]() -> Expected<KernelImage> { return make_image(n); }).ok();
    _exit(good && machine.log.lines.empty() ? 0 : 1);
  }
  for (int n = 100; n < 150; ++n) CHECK(machine.ask(n) == KernelOrigin::kCompiled);
  int state = 0;
  waitpid(child, &state, 0);
  CHECK((WIFEXITED(state) && WEXITSTATUS(state) == 0));
  CHECK(machine.log.lines.empty());
}

TEST_CASE("a_server_that_is_not_there_or_never_answers_is_given_up_within_its_budget") {
  if (!why_no_fleet_cache().empty()) BSGEN_SKIP(why_no_fleet_cache());
  const CacheFolder keys;
  const SilentServer silent;
  for (const int port : {free_port(), silent.port}) {
    Machine machine("redis://127.0.0.1:" + std::to_string(port), secret_file(keys));
    const auto begin = std::chrono::steady_clock::now();
    for (int n = 1; n < 4; ++n) CHECK(machine.ask(n) == KernelOrigin::kCompiled);
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(2500));
    CHECK(machine.log.lines.size() == 1);
  }
}

TEST_CASE("the_tier_of_a_fleet_stays_off_without_a_secret_of_its_own") {
  if (!why_no_fleet_cache().empty()) BSGEN_SKIP(why_no_fleet_cache());
  const CacheFolder keys;
  const std::string open = secret_file(keys, 'o'), brief = secret_file(keys, 'b', 31);
  fs::permissions(open, fs::perms::others_read, fs::perm_options::add);
  const auto why = [&](const std::string& url, const std::string& secret) {
    Machine machine(url, secret);
    CHECK(machine.ask(1) == KernelOrigin::kCompiled);
    REQUIRE(machine.log.lines.size() == 1);
    const std::string begin = "cache: the server " + url + " is not used: ", end = "; kernels come from this machine alone";
    const std::string& line = machine.log.lines[0];
    REQUIRE((line.starts_with(begin) && line.ends_with(end)));
    return line.substr(begin.size(), line.size() - begin.size() - end.size());
  };
  const std::string url = "redis://127.0.0.1:1";
  CHECK(why(url, "") == "BSGEN_CACHE_SERVER_KEY names no secret to authenticate kernels with");
  CHECK(why(url, keys.str() + "/none") == "its secret " + keys.str() + "/none cannot be read: No such file or directory");
  CHECK(why(url, open) == "its secret " + open + " is open to others (chmod 600)");
  CHECK(why(url, brief) == "its secret " + brief + " has 31 bytes, fewer than 32");
  CHECK(why("127.0.0.1:6379", open) == "it is not of the form redis://HOST:PORT");
  CHECK(why("redis://127.0.0.1:0", open) == "it is not of the form redis://HOST:PORT");
}

TEST_CASE("a_build_without_hiredis_says_so_where_a_server_is_named") {
  if (why_no_fleet_cache().empty()) BSGEN_SKIP("this build has hiredis");
  Machine machine("redis://127.0.0.1:6379", "");
  CHECK(machine.ask(1) == KernelOrigin::kCompiled);
  CHECK(machine.log.lines == std::vector<std::string>{"cache: the server redis://127.0.0.1:6379 is not used: this bsgen was built without hiredis (cmake "
                                                      "-DBSGEN_REDIS=ON); kernels come from this machine alone"});
}
