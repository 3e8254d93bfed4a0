#include "tests/replication/process/networks.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace tests {
namespace {

constexpr std::string_view rule_before_all = "10";

pid_t spawn(std::vector<std::string> words, const posix_spawn_file_actions_t* actions) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t process = -1;
  const int error =
      ::posix_spawnp(&process, arguments[0], actions, nullptr, arguments.data(), environ);
  if (error != 0) throw std::runtime_error(words[0] + ": " + std::strerror(error));
  return process;
}

int status_of(std::vector<std::string> words) {
  int status = 0;
  ::waitpid(spawn(std::move(words), nullptr), &status, 0);
  return status;
}

std::vector<std::string> entering(pid_t process) {
  return {"nsenter", "--preserve-credentials", "-U", "-n", "-t", std::to_string(process)};
}

}  // namespace

std::string Networks::unavailable() {
  try {
    // As the real thing: a switch with a port, and rules that drop packets.
    const int status =
        status_of({"unshare", "-U", "-r", "-n", "sh", "-c",
                   "command -v nsenter > /dev/null && ip link add switch type bridge && "
                   "ip link add port type veth peer name card && ip link set port master switch && "
                   "ip rule add pref 10 from 192.0.2.1 blackhole"});
    if (status == 0) return {};
    return "this machine gives no network namespaces, virtual cards or routing rules (see above)";
  } catch (const std::runtime_error& fault) {
    return fault.what();
  }
}

Networks::Networks(std::size_t count) {
  switch_ = hold({"unshare", "-U", "-r", "-n", "cat"});
  run(switch_, {"ip", "link", "add", "switch", "type", "bridge"});
  run(switch_, {"ip", "link", "set", "switch", "up"});
  for (std::size_t machine = 1; machine <= count; ++machine) {
    std::vector<std::string> command = entering(switch_);
    command.insert(command.end(), {"unshare", "-n", "cat"});
    const pid_t holder = hold(command);
    machines_.push_back(holder);
    const std::string port = "port" + std::to_string(machine);
    run(switch_, {"ip", "link", "add", port, "type", "veth", "peer", "name", "card", "netns",
                  std::to_string(holder)});
    run(switch_, {"ip", "link", "set", port, "master", "switch"});
    run(switch_, {"ip", "link", "set", port, "up"});
    run(holder, {"ip", "link", "set", "lo", "up"});
    run(holder, {"ip", "address", "add", address(machine) + "/24", "dev", "card"});
    run(holder, {"ip", "link", "set", "card", "up"});
    // Rules on where a packet comes from must be asked before the one on addresses of our own.
    run(holder, {"ip", "rule", "add", "pref", "100", "lookup", "local"});
    run(holder, {"ip", "rule", "delete", "pref", "0"});
  }
}

Networks::~Networks() {
  for (int input : inputs_) ::close(input);
  for (pid_t holder : holders_) ::waitpid(holder, nullptr, 0);
}

// Starts a process that makes a network namespace and holds it until its input ends. It is `cat`,
// so that an answer shows that all is made.
pid_t Networks::hold(const std::vector<std::string>& command) {
  int to_holder[2], from_holder[2];
  if (::pipe2(to_holder, O_CLOEXEC) != 0 || ::pipe2(from_holder, O_CLOEXEC) != 0) {
    throw std::runtime_error(std::string("pipe: ") + std::strerror(errno));
  }
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, to_holder[0], STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, from_holder[1], STDOUT_FILENO);
  const pid_t process = spawn(command, &actions);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(to_holder[0]);
  ::close(from_holder[1]);
  inputs_.push_back(to_holder[1]);
  holders_.push_back(process);
  char answer = '.';
  const bool is_made =
      ::write(to_holder[1], &answer, 1) == 1 && ::read(from_holder[0], &answer, 1) == 1;
  ::close(from_holder[0]);
  if (!is_made) throw std::runtime_error("no network namespace");
  return process;
}

void Networks::run(pid_t within, const std::vector<std::string>& command) const {
  std::vector<std::string> words = entering(within);
  std::string text;
  for (const std::string& word : command) text += word + " ";
  words.insert(words.end(), command.begin(), command.end());
  if (status_of(words) != 0) throw std::runtime_error("failed: " + text);
}

std::vector<std::string> Networks::enter(std::size_t machine) const {
  return entering(machines_.at(machine - 1));
}

std::string Networks::address(std::size_t machine) const {
  return "10.7.0." + std::to_string(machine);
}

void Networks::pull_cable(std::size_t machine) {
  // The switch's side: the machine's own card stays up, as with a cable that ends elsewhere.
  run(switch_, {"ip", "link", "set", "port" + std::to_string(machine), "nomaster"});
}

void Networks::plug_in(std::size_t machine) {
  run(switch_, {"ip", "link", "set", "port" + std::to_string(machine), "master", "switch"});
}

void Networks::lose(std::size_t from, std::size_t to) {
  run(machines_.at(to - 1), {"ip", "rule", "add", "pref", std::string(rule_before_all), "from",
                             address(from), "blackhole"});
}

void Networks::stop_losing(std::size_t from, std::size_t to) {
  run(machines_.at(to - 1), {"ip", "rule", "delete", "pref", std::string(rule_before_all), "from",
                             address(from), "blackhole"});
}

}  // namespace tests
