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

// Runs a program of the path; 0: there is none of the name.
pid_t run_program(std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  return posix_spawnp(&child, arguments[0], nullptr, nullptr, arguments.data(), environ) == 0 ? child : 0;
}

// A key and a certificate that nobody signed but itself, for one address.
struct Certificate {
  std::string key, file;
  bool made = false;
  Certificate(const CacheFolder& folder, const std::string& name, const std::string& address) : key(folder.str() + "/" + name + ".key"), file(folder.str() + "/" + name + ".pem") {
    fs::create_directories(folder.path);
    const pid_t child = run_program({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", file,
                                     "-days", "2", "-subj", "/CN=bsgen test", "-addext", "subjectAltName=IP:" + address});
    int state = 1;
    if (child) waitpid(child, &state, 0);
    made = state == 0;
  }
};

struct Server {
  CacheFolder folder;
  int port = free_port();
  pid_t child = 0;
  bool tls;
  explicit Server(const Certificate* shown = nullptr) : tls(shown != nullptr) {
    fs::create_directories(folder.path);
    std::vector<std::string> words = {"", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder.str(), "--logfile", folder.str() + "/log"};
    if (shown)
      words.insert(words.end(), {"--port", "0", "--tls-port", std::to_string(port), "--tls-cert-file", shown->file, "--tls-key-file", shown->key,
                                 "--tls-ca-cert-file", shown->file, "--tls-auth-clients", "no"});
    else
      words.insert(words.end(), {"--port", std::to_string(port)});
    for (const char* program : {"redis-server", "valkey-server"}) {
      words[0] = program;
      if ((child = run_program(words))) break;
    }
    for (int i = 0; child && i < 500 && !answers(port); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      if (waitpid(child, nullptr, WNOHANG) == child) child = 0;  // it knows no TLS, say
    }
  }
  ~Server() { stop(); }
  void stop() {
    if (child) kill(child, SIGKILL);
    if (child) waitpid(child, nullptr, 0);
    child = 0;
  }
  std::string url() const { return std::string(tls ? "rediss" : "redis") + "://127.0.0.1:" + std::to_string(port); }
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
  Machine(const std::string& url, const std::string& secret, bool read_only = false, const std::string& ca_file = "")
      : store({.memory = false, .directory = folder.str(), .fleet = {url, secret, read_only, ca_file}, .logger = log.logger()}) {}
  KernelOrigin ask(int n) {
    const auto result = store.get(make_key(n), make_about(), [n]() -> Expected<KernelImage> { return make_image(n); });
    REQUIRE(result);
    CHECK(*result->image == make_image(n));
    return result->origin;
  }
};

struct Lone {  // the only one of its fleet
  CacheFolder keys;
  Machine machine;
  explicit Lone(const std::string& url) : machine(url, secret_file(keys)) {}
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
  Lone lone(server.url());
  Machine& machine = lone.machine;
  CHECK(machine.ask(1) == KernelOrigin::kCompiled);
  server.stop();
  for (int n = 2; n < 5; ++n) CHECK(machine.ask(n) == KernelOrigin::kCompiled);
  CHECK(machine.log.lines.size() == 1);
}

TEST_CASE("a_child_of_fork_speaks_through_a_connection_of_its_own") {
  BSGEN_NEED_SERVER(server);
  Lone lone(server.url());
  Machine& machine = lone.machine;
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
  const SilentServer silent;
  for (const auto& [scheme, port] : {std::pair("redis", free_port()), std::pair("redis", silent.port), std::pair("rediss", silent.port)}) {
    Lone lone(std::string(scheme) + "://127.0.0.1:" + std::to_string(port));
    Machine& machine = lone.machine;
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
  for (const std::string wrong : {"127.0.0.1:6379", "redis://127.0.0.1:0", "redis://127.0.0.1", "rediss://:1", "http://127.0.0.1:1", "redis://127.0.0.1:1x"})
    CHECK(why(wrong, open) == "it is not of the form redis://HOST:PORT or rediss://HOST:PORT");
}

TEST_CASE("a_fleet_that_speaks_tls_shares_kernels_with_the_server_that_its_certificate_vouches_for") {
  if (!why_no_fleet_cache().empty()) BSGEN_SKIP(why_no_fleet_cache());
  const CacheFolder keys;
  const std::string secret = secret_file(keys);
  const Certificate right(keys, "right", "127.0.0.1"), stranger(keys, "stranger", "127.0.0.1"), elsewhere(keys, "elsewhere", "127.0.0.2");
  if (!right.made || !stranger.made || !elsewhere.made) BSGEN_SKIP("the openssl command is not installed");
  Server server(&right);
  if (!server.child) BSGEN_SKIP("no redis-server or valkey-server that speaks TLS is installed");
  {
    Machine first(server.url(), secret, false, right.file), second(server.url(), secret, true, right.file);
    CHECK(first.ask(1) == KernelOrigin::kCompiled);
    CHECK(second.ask(1) == KernelOrigin::kDisk);
    CHECK(second.store.counts().hits_shared == 1);
    CHECK(first.store.get(make_key(2), {}, []() -> Expected<KernelImage> {
      KernelImage large = make_image(2);
      large.cubin.resize(3 << 20, std::byte{7});  // more than a socket or a record of TLS takes at once
      return large;
    }).ok());
    const auto large = second.store.get(make_key(2), {}, []() -> Expected<KernelImage> { return Status(ErrorCode::kInternal, "not on the server"); });
    REQUIRE(large);
    CHECK(large->image->cubin.size() == 3 << 20);
    CHECK((first.log.lines.empty() && second.log.lines.empty()));
  }
  const auto refused = [&](const std::string& url, const std::string& ca_file) {
    Machine machine(url, secret, false, ca_file);
    for (const int n : {1, 2}) CHECK(machine.ask(n) == KernelOrigin::kCompiled);
    CHECK(machine.store.counts().hits_shared == 0);
    REQUIRE(machine.log.lines.size() == 1);
    const std::string begin = "cache: the server " + url + " is not used: TLS: ", end = "; kernels come from this machine alone";
    const std::string& line = machine.log.lines[0];
    INFO(line);
    REQUIRE((line.starts_with(begin) && line.ends_with(end)));
    return line.substr(begin.size(), line.size() - begin.size() - end.size());
  };
  CHECK(refused(server.url(), stranger.file).starts_with("its certificate is refused: self"));
  CHECK(refused(server.url(), "").starts_with("its certificate is refused: self"));  // nor does the system vouch for it
  CHECK(refused(server.url(), keys.str() + "/none") == keys.str() + "/none holds no certificates");
  Server other(&elsewhere);
  CHECK(refused(other.url(), elsewhere.file) == "its certificate is refused: IP address mismatch");
  Machine without_tls("redis" + server.url().substr(6), secret);
  CHECK(without_tls.ask(1) == KernelOrigin::kCompiled);
  CHECK(without_tls.log.lines.size() == 1);
}

TEST_CASE("a_build_without_hiredis_says_so_where_a_server_is_named") {
  if (why_no_fleet_cache().empty()) BSGEN_SKIP("this build has hiredis");
  Machine machine("redis://127.0.0.1:6379", "");
  CHECK(machine.ask(1) == KernelOrigin::kCompiled);
  CHECK(machine.log.lines == std::vector<std::string>{"cache: the server redis://127.0.0.1:6379 is not used: this bsgen was built without hiredis (cmake "
                                                      "-DBSGEN_REDIS=ON); kernels come from this machine alone"});
}
