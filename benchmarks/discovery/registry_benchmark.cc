// What discovery by a database costs and how soon it tells: N nodes with one registry, on a MariaDB
// that this program starts. All intervals are the defaults.
//
//   bazel run -c opt //benchmarks/discovery:registry_benchmark [-- seconds of load]

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "discovery/mysql_backend.h"
#include "discovery/registry.h"
#include "tests/support/mariadb.h"

namespace discovery {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr auto limit = 60s;
constexpr int rounds = 10;

// One node's discovery, and when it last heard of each number of peers.
class Node {
 public:
  Node(const MysqlAddress& address, int number)
      : discovery_({.self = row(number)}, std::make_unique<MysqlBackend>(address, "default"),
                   events_) {
    discovery_.on_peers([this](const std::vector<NodeRow>& peers) {
      const std::lock_guard lock(mutex_);
      heard_[peers.size()] = Clock::now();
      size_ = peers.size();
      changed_.notify_all();
    });
    if (discovery_.start().has_error()) std::abort();
  }
  ~Node() { discovery_.stop(); }

  // When it came to know exactly `count` peers, which it does now or soon.
  Clock::time_point heard_of(std::size_t count) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, limit, [&] { return size_ == count; })) {
      std::fprintf(stderr, "a node knows %zu peers instead of %zu\n", size_, count);
      std::exit(1);
    }
    return heard_[count];
  }

  void nudge() { discovery_.nudge(); }
  void stop() { discovery_.stop(); }

 private:
  static NodeRow row(int number) {
    return {.name = "n" + std::to_string(number),
            .incarnation = 1,
            .peer_address = "127.0.0.1:" + std::to_string(5'000 + number),
            .version = "0.1",
            .protocol_min = 1,
            .protocol_max = 1,
            .state = NodeState::ready};
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t size_ = 0;
  std::map<std::size_t, Clock::time_point> heard_;
  Events events_;
  Discovery discovery_;
};

struct Times {
  std::vector<double> milliseconds;

  void add(Clock::duration time) {
    milliseconds.push_back(std::chrono::duration<double, std::milli>(time).count());
  }
  double at(double share) {
    std::ranges::sort(milliseconds);
    return milliseconds[static_cast<std::size_t>(share *
                                                 static_cast<double>(milliseconds.size() - 1))];
  }
};

// Statements that the server took, those of this question left out.
double questions(const tests::MariaDb& server) {
  const std::string text = server.sql("SHOW GLOBAL STATUS LIKE 'Questions'");
  return std::atof(text.substr(text.find('\t') + 1).c_str());
}

void measure(const tests::MariaDb& server, int size, std::chrono::seconds load_time) {
  const std::string database = "nodes" + std::to_string(size);
  server.create_database(database);
  const MysqlAddress address{.port = server.port(),
                             .user = server.user(),
                             .password = server.password(),
                             .database = database};
  const auto all_begun = Clock::now();
  std::vector<std::unique_ptr<Node>> nodes;
  for (int n = 0; n < size; ++n) nodes.push_back(std::make_unique<Node>(address, n));
  const auto peers = nodes.size() - 1;
  Clock::duration all_known{0};
  for (auto& node : nodes) all_known = std::max(all_known, node->heard_of(peers) - all_begun);

  const double before = questions(server);
  const auto load_begun = Clock::now();
  std::this_thread::sleep_for(load_time);
  const double asked = questions(server) - before - 1;
  const double seconds = std::chrono::duration<double>(Clock::now() - load_begun).count();

  Times first, last, lost;
  for (int round = 0; round < rounds; ++round) {
    const auto begun = Clock::now();
    auto newcomer = std::make_unique<Node>(address, size);
    std::vector<Clock::time_point> heard;
    for (auto& node : nodes) heard.push_back(node->heard_of(nodes.size()));
    const auto [soonest, latest] = std::ranges::minmax(heard);
    first.add(soonest - begun);
    last.add(latest - begun);
    // Its row goes, and then each of the others loses its link at once, as after an orderly end.
    newcomer->stop();
    const auto link_lost = Clock::now();
    for (auto& node : nodes) node->nudge();
    for (auto& node : nodes)
      lost.add(std::max(node->heard_of(peers) - link_lost, Clock::duration(0)));
  }
  std::printf("%5d %18.0f %10.0f %6.0f %8.0f %16.1f %6.1f %16.2f\n", size,
              std::chrono::duration<double, std::milli>(all_known).count(), first.at(0.5),
              last.at(0.5), last.at(1), lost.at(0.5), lost.at(1), asked / seconds / size);
}

}  // namespace
}  // namespace discovery

int main(int argc, char** argv) {
  const std::chrono::seconds load_time(argc > 1 ? std::max(1, std::atoi(argv[1])) : 15);
  const tests::MariaDb server;
  std::printf(
      "      started at once,   new row, known by      lost link, row read    statements\n");
  std::printf(
      "nodes  all know all/ms  first/ms  all/ms  worst/ms   median/ms  worst/ms   a second a "
      "node\n");
  for (const int size : {2, 8, 32, 64}) discovery::measure(server, size, load_time);
}
