#include "tools/cluster/logs.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <utility>

namespace cluster {

namespace {

std::filesystem::path log_of(const ClusterRecord& record, const std::string& node) {
  return record.node_folder(node) / "log.jsonl";
}

}  // namespace

std::string time_of(const std::string& line) {
  constexpr std::string_view key = "\"time\":";
  const auto found = line.find(key);
  if (found == std::string::npos) return "";
  const auto begin = line.find_first_not_of(" \"", found + key.size());
  if (begin == std::string::npos) return "";
  return line.substr(begin, line.find_first_of("\",}", begin) - begin);
}

std::vector<LogLine> merged_logs(const ClusterRecord& record,
                                 const std::vector<std::string>& nodes) {
  std::vector<LogLine> lines;
  for (const std::string& node : nodes) {
    std::ifstream file(log_of(record, node));
    std::string last_time;
    for (std::string line; std::getline(file, line);) {
      std::string time = time_of(line);
      if (time.empty()) time = last_time;
      last_time = time;
      lines.push_back({.node = node, .time = std::move(time), .text = std::move(line)});
    }
  }
  std::stable_sort(lines.begin(), lines.end(),
                   [](const LogLine& a, const LogLine& b) { return a.time < b.time; });
  return lines;
}

void follow_logs(const ClusterRecord& record, const std::vector<std::string>& nodes,
                 const std::function<bool(const LogLine&)>& on_line) {
  struct Tail {
    std::string node;
    std::ifstream file;
    std::string unfinished;
  };
  const int watcher = inotify_init1(IN_CLOEXEC);
  std::vector<Tail> tails;
  for (const std::string& node : nodes) {
    const std::string path = log_of(record, node).string();
    inotify_add_watch(watcher, path.c_str(), IN_MODIFY);
    Tail tail{.node = node, .file = std::ifstream(path), .unfinished = ""};
    tail.file.seekg(0, std::ios::end);
    tails.push_back(std::move(tail));
  }
  for (bool go_on = true; go_on;) {
    for (Tail& tail : tails) {
      for (std::string part; std::getline(tail.file, part) || !part.empty(); part.clear()) {
        tail.unfinished += part;
        if (tail.file.eof()) break;  // The line's end is not written yet.
        const LogLine line{tail.node, time_of(tail.unfinished), tail.unfinished};
        tail.unfinished.clear();
        go_on = go_on && on_line(line);
      }
      tail.file.clear();
    }
    if (!go_on) break;
    pollfd wait{watcher, POLLIN, 0};
    if (poll(&wait, 1, -1) > 0) {
      std::array<char, 4096> events{};
      [[maybe_unused]] const auto skipped = read(watcher, events.data(), events.size());
    }
  }
  close(watcher);
}

}  // namespace cluster
