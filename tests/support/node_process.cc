#include "tests/support/node_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "tests/support/eventually.h"
#include "tests/support/free_ports.h"

namespace tests {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr auto ready_limit = 60s;  // On a machine that builds meanwhile.
constexpr std::size_t ports_a_node = 5;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int get() const { return number_; }

 private:
  int number_;
};

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

void write_file(const std::filesystem::path& path, const std::string& content) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (::write(file.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
    throw std::runtime_error("cannot write " + path.string());
  }
}

// Whole answers, one a connection: what a probe does. A node that is stalled gives none.
HttpAnswer ask(std::uint16_t port, const std::string& request) {
  const Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval limit{.tv_sec = 5, .tv_usec = 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  const sockaddr_in address = loopback(port);
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) {
    return {};
  }
  std::string answer;
  char buffer[4096];
  for (;;) {
    const ssize_t got = recv(socket.get(), buffer, sizeof buffer, 0);
    if (got <= 0) break;
    answer.append(buffer, static_cast<std::size_t>(got));
  }
  const auto body = answer.find("\r\n\r\n");
  if (!answer.starts_with("HTTP/1.1 ") || body == std::string::npos) return {};
  return {std::atoi(answer.c_str() + 9), answer.substr(body + 4)};
}

std::string request(const std::string& method, const std::string& path, std::uint16_t port,
                    const std::string& headers, const std::string& body) {
  return method + " " + path + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
         "\r\nConnection: close\r\n" + headers + "\r\n" + body;
}

}  // namespace

std::string runfile(const std::string& path) {
  const auto found = std::filesystem::current_path() / path;  // Bazel starts tests in their root.
  if (!std::filesystem::exists(found)) {
    throw std::runtime_error(found.string() + " is not there: is it in the test's `data`?");
  }
  return found.string();
}

NodeProcess::NodeProcess(NodeProcessOptions options)
    : options_(std::move(options)), ports_(free_ports(ports_a_node)), token_("token-of-the-tests") {
  std::string name = (std::filesystem::temp_directory_path() / "meerkat-node-XXXXXX").string();
  if (const char* assigned = std::getenv("TEST_TMPDIR")) {
    name = std::string(assigned) + "/" + options_.name + "-XXXXXX";
  }
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error(name + ": " + strerror(errno));
  folder_ = name;
  write_file(folder_ / "admin-token", token_ + "\n");
  const auto at = [this](std::size_t index) {
    return " = \"127.0.0.1:" + std::to_string(ports_[index]) + "\"\n";
  };
  std::string toml = "domains = [\"localhost\"]\nloops = 2\n";
  toml += "[node]\nname = \"" + options_.name + "\"\ncluster = \"" + options_.cluster + "\"\n";
  toml += "[listen]\nc2s" + at(0) + "c2s_tls" + at(1) + "peers" + at(2) + "health" + at(3) +
          "admin" + at(4);
  toml += "[admin]\ntoken_file = \"admin-token\"\n";
  if (options_.database != nullptr) {
    const MariaDb& database = *options_.database;
    write_file(folder_ / "peers-secret", options_.secret + "\n");
    write_file(folder_ / "mysql-password", database.password() + "\n");
    const std::string& schema = options_.schema.empty() ? database.database() : options_.schema;
    toml += "[peers]\nsecret_file = \"peers-secret\"\n[mysql]\nurl = \"mysql://" + database.user() +
            "@127.0.0.1:" + std::to_string(database.port()) + "/" + schema +
            "\"\npassword_file = \"mysql-password\"\n";
  }
  write_file(folder_ / "meerkat.toml", toml + options_.toml);
}

NodeProcess::~NodeProcess() {
  if (process_ > 0) kill();
  std::error_code ignored;  // Left-overs in a temporary folder fail no test.
  std::filesystem::remove_all(folder_, ignored);
}

void NodeProcess::start() {
  std::vector<std::string> command = {runfile("server/meerkatd"),
                                      "--config=" + (folder_ / "meerkat.toml").string()};
  command.insert(command.end(), options_.flags.begin(), options_.flags.end());
  std::vector<char*> arguments;
  for (std::string& word : command) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::vector<char*> environment;
  for (std::string& variable : options_.environment) environment.push_back(variable.data());
  for (char** at = environ; *at != nullptr; ++at) environment.push_back(*at);
  environment.push_back(nullptr);
  const Descriptor log(
      ::open((folder_ / "log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  const std::string folder = folder_.string();
  const pid_t parent = getpid();
  process_ = fork();
  if (process_ < 0) throw std::runtime_error(std::string("fork: ") + std::strerror(errno));
  if (process_ > 0) return;
  // What stands between fork and exec is safe where other threads run.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  if (chdir(folder.c_str()) != 0) _exit(127);
  dup2(log.get(), STDOUT_FILENO);
  dup2(log.get(), STDERR_FILENO);
  execve(arguments[0], arguments.data(), environment.data());
  _exit(127);
}

void NodeProcess::wait_until_ready() {
  std::optional<int> exit_code;
  const bool is_ready_in_time = eventually(ready_limit, [&] {
    exit_code = wait_for_exit(0ms);
    return exit_code || is_ready();
  });
  if (exit_code) throw failure("ended with " + std::to_string(*exit_code));
  if (!is_ready_in_time) throw failure("is not ready: " + health("/readyz?verbose").body);
}

void NodeProcess::kill() {
  ::kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
  process_ = -1;
}

void NodeProcess::pause() {
  ::kill(process_, SIGSTOP);
  int status = 0;
  waitpid(process_, &status, WUNTRACED);  // Until its last thread has stopped.
  if (!WIFSTOPPED(status)) throw failure("ended instead of pausing");
}

void NodeProcess::resume() { ::kill(process_, SIGCONT); }

void NodeProcess::terminate() { ::kill(process_, SIGTERM); }

void NodeProcess::reload() { ::kill(process_, SIGHUP); }

std::optional<int> NodeProcess::wait_for_exit(std::chrono::milliseconds limit) {
  if (process_ <= 0) throw std::logic_error(options_.name + " does not run");
  int status = 0;
  if (!eventually(limit, [&] { return waitpid(process_, &status, WNOHANG) == process_; })) {
    return std::nullopt;
  }
  process_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool NodeProcess::is_ready() const { return health("/readyz").code == 200; }

HttpAnswer NodeProcess::health(const std::string& path) const {
  return ask(ports_[3], request("GET", path, ports_[3], {}, {}));
}

HttpAnswer NodeProcess::admin(const std::string& method, const std::string& path,
                              const std::string& body) const {
  std::string headers = "Authorization: Bearer " + token_ + "\r\n";
  if (!body.empty()) {
    headers +=
        "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  }
  return ask(ports_[4], request(method, path, ports_[4], headers, body));
}

json::value NodeProcess::status() const {
  const HttpAnswer answer = admin("GET", "/api/v1/status");
  if (answer.code != 200) throw failure("gives no status: " + std::to_string(answer.code));
  return json::parse(answer.body);
}

json::value NodeProcess::status_of(std::string_view name) const {
  const json::value all = status();
  for (const json::value& node : all.at("nodes").as_array()) {
    if (node.at("name").as_string() == name) return node;
  }
  return nullptr;
}

void NodeProcess::add_user(const std::string& jid, const std::string& password) const {
  const json::object user = {{"jid", jid}, {"password", password}};
  const HttpAnswer answer = admin("POST", "/api/v1/users", json::serialize(user));
  if (answer.code != 201) throw failure("did not add " + jid + ": " + answer.body);
}

std::string NodeProcess::log() const {
  std::ifstream file(folder_ / "log");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::runtime_error NodeProcess::failure(const std::string& what) const {
  constexpr std::size_t bytes_max = 3'000;
  const std::string all = log();
  const std::size_t from = all.size() > bytes_max ? all.size() - bytes_max : 0;
  return std::runtime_error(options_.name + " " + what + "\n" + all.substr(from));
}

ClusterOfNodes::ClusterOfNodes(const MariaDb& database, const std::string& schema, std::size_t size,
                               std::vector<std::string> flags)
    : database_(database), schema_(schema), flags_(std::move(flags)) {
  database_.create_database(schema_);
  // At once, as an orchestrator does.
  for (std::size_t number = 1; number <= size; ++number) {
    NodeProcessOptions options;
    options.name = "n" + std::to_string(number);
    add(std::move(options)).start();
  }
  for (const auto& node : nodes_) node->wait_until_ready();
  // Each is ready when it has caught up with those it knew; here all know all.
  for (const auto& node : nodes_) {
    const bool knows_all = eventually(ready_limit, [&] {
      const json::value self = node->status_of(node->name());
      return self.is_object() && self.at("peers_joined") == json::value(size - 1);
    });
    if (!knows_all) {
      throw std::runtime_error(node->name() + " lacks peers: " + json::serialize(node->status()));
    }
  }
  nodes_.front()->add_user("juliet@localhost", "juliet");
  nodes_.front()->add_user("romeo@localhost", "romeo");
}

NodeProcess& ClusterOfNodes::add(NodeProcessOptions options) {
  options.database = &database_;
  options.schema = schema_;
  options.flags.insert(options.flags.end(), flags_.begin(), flags_.end());
  nodes_.push_back(std::make_unique<NodeProcess>(std::move(options)));
  return *nodes_.back();
}

}  // namespace tests
