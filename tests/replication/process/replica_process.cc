#include "tests/replication/process/replica_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace tests {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* program = "benchmarks/replication/replica/replica";

}  // namespace

std::string Answer::text(const std::string& name) const {
  std::istringstream words(line_);
  for (std::string word; words >> word;) {
    if (word.starts_with(name + "=")) return word.substr(name.size() + 1);
  }
  return {};
}

std::uint64_t Answer::number(const std::string& name) const {
  return std::strtoull(text(name).c_str(), nullptr, 10);
}

ReplicaProcess::ReplicaProcess(std::string name, std::vector<std::string> options,
                               std::vector<std::string> command)
    : name_(std::move(name)), options_(std::move(options)), command_(std::move(command)) {}

ReplicaProcess::~ReplicaProcess() {
  if (runs()) kill();
}

void ReplicaProcess::launch() {
  std::vector<std::string> words = command_;
  words.push_back((std::filesystem::current_path() / program).string());
  words.insert(words.end(), {"--events", "--name=" + name_, "--port=" + std::to_string(port_)});
  words.insert(words.end(), options_.begin(), options_.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // A write to one that was killed is an error, not our end.
  int to_child[2], from_child[2];
  if (::pipe2(to_child, O_CLOEXEC) != 0 || ::pipe2(from_child, O_CLOEXEC) != 0) {
    throw std::runtime_error(std::string("pipe: ") + std::strerror(errno));
  }
  const pid_t parent = ::getpid();
  process_ = ::fork();
  if (process_ < 0) throw std::runtime_error(std::string("fork: ") + std::strerror(errno));
  if (process_ == 0) {  // What stands between fork and exec is safe where other threads run.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    ::dup2(to_child[0], STDIN_FILENO);
    ::dup2(from_child[1], STDOUT_FILENO);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(to_child[0]);
  ::close(from_child[1]);
  input_ = to_child[1];
  output_ = from_child[0];
}

void ReplicaProcess::wait_until_started() {
  const Answer greeting = answer();
  if (!greeting.ok()) throw failure("did not start: " + greeting.line());
  port_ = static_cast<std::uint16_t>(greeting.number("port"));
}

void ReplicaProcess::kill() {
  ::kill(process_, SIGKILL);
  close();
}

void ReplicaProcess::pause() {
  ::kill(process_, SIGSTOP);
  int status = 0;
  ::waitpid(process_, &status, WUNTRACED);  // Until its last thread has stopped.
  if (!WIFSTOPPED(status)) throw failure("ended instead of pausing");
}

void ReplicaProcess::resume() { ::kill(process_, SIGCONT); }

void ReplicaProcess::leave() {
  obey("leave");
  close();
}

void ReplicaProcess::close() {
  ::waitpid(process_, nullptr, 0);
  process_ = -1;
  ::close(std::exchange(input_, -1));
  ::close(std::exchange(output_, -1));
  unread_.clear();
  answers_.clear();
  events_.clear();
  cut_off_.clear();
  joining_.clear();
  lagging_.clear();
}

void ReplicaProcess::tell(const std::string& command) {
  const std::string line = command + "\n";
  if (!runs() || ::write(input_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    throw failure("does not run, and was told: " + command);
  }
}

Answer ReplicaProcess::answer() {
  const auto deadline = Clock::now() + patience + std::chrono::seconds(30);
  while (answers_.empty()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) throw failure("says much, but gives no answer");
    if (!read(left)) throw failure("has ended, or gives no answer");
  }
  Answer answer(std::move(answers_.front()));
  answers_.erase(answers_.begin());
  return answer;
}

Answer ReplicaProcess::ask(const std::string& command) {
  tell(command);
  return answer();
}

Answer ReplicaProcess::obey(const std::string& command) {
  Answer answer = ask(command);
  if (!answer.ok()) throw failure("was told '" + command + "': " + answer.line());
  return answer;
}

std::size_t ReplicaProcess::count(const std::string& what, const std::string& peer) {
  while (read(std::chrono::milliseconds(0))) {
  }
  const std::string wanted = " " + what + " " + peer;
  return static_cast<std::size_t>(std::ranges::count_if(events_, [&](const std::string& event) {
    const auto at = event.find(wanted);
    return at != std::string::npos &&
           (at + wanted.size() == event.size() || event[at + wanted.size()] == ' ');
  }));
}

bool ReplicaProcess::leaves_out(const std::string& peer) const {
  return cut_off_.contains(peer) || joining_.contains(peer) || lagging_.contains(peer);
}

std::string ReplicaProcess::events() {
  if (runs()) count("", "");
  std::string all = "-- " + name_ + "\n";
  for (const std::string& event : events_) all += event + "\n";
  return all;
}

void ReplicaProcess::take(const std::string& line) {
  if (!line.starts_with("event ")) {
    answers_.push_back(line);
    return;
  }
  std::istringstream words(line);
  std::string time, what, peer;
  words >> time >> time >> what >> peer;
  events_.push_back(line.substr(line.find(' ', 6)));  // Without the time.
  if (what == "unreachable" || what == "gone") cut_off_.insert(peer);
  if (what == "reachable" || what == "connected") cut_off_.erase(peer);
  if (what == "connected") joining_.insert(peer);
  if (what == "joined") joining_.erase(peer);
  if (what == "lagging") lagging_.insert(peer);
  if (what == "caught_up" || what == "gone") lagging_.erase(peer);
}

// Takes what has been said, or is said within the limit; false: nothing was, or the end.
bool ReplicaProcess::read(std::chrono::milliseconds limit) {
  pollfd waiting{.fd = output_, .events = POLLIN, .revents = 0};
  if (::poll(&waiting, 1, static_cast<int>(limit.count())) <= 0) return false;
  char buffer[4096];
  const ssize_t size = ::read(output_, buffer, sizeof buffer);
  if (size <= 0) return false;
  unread_.append(buffer, static_cast<std::size_t>(size));
  std::size_t from = 0;
  for (std::size_t end; (end = unread_.find('\n', from)) != std::string::npos; from = end + 1) {
    take(unread_.substr(from, end - from));
  }
  unread_.erase(0, from);
  return true;
}

std::runtime_error ReplicaProcess::failure(const std::string& what) {
  return std::runtime_error(name_ + " " + what + "\n" + events());
}

}  // namespace tests
