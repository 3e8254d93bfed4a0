// What routing asks of the cluster's table of sessions, with so many users, all of this node.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <vector>

#include "replication/events.h"
#include "replication/node.h"
#include "server/router/session_directory.h"
#include "xmpp/jid.h"

namespace server {
namespace {

struct Users {
  explicit Users(std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      jids.push_back(*xmpp::Jid::parse("user" + std::to_string(i) + "@example.org/phone." +
                                       std::to_string(i * 7919)));
      directory.bind(jids.back(), {.session = static_cast<SessionId>(i)});
    }
  }

  // Each time another, far away in memory.
  const xmpp::Jid& next() { return jids[(at += 4'099) % jids.size()]; }

  replication::Events events;
  replication::Node node{{.cluster = "c", .name = "n1", .secret = "of the benchmark"}, events};
  SessionDirectory directory{node};
  std::vector<xmpp::Jid> jids;
  std::size_t at = 0;
};

void find(benchmark::State& state) {
  Users users(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(users.directory.find(users.next()));
}
BENCHMARK(find)->Arg(1'000)->Arg(100'000);

void find_all(benchmark::State& state) {
  Users users(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(users.directory.find_all(users.next().bare_str()));
}
BENCHMARK(find_all)->Arg(1'000)->Arg(100'000);

/// Somebody leaves and is back.
void unbind_and_bind(benchmark::State& state) {
  Users users(state.range(0));
  for (auto _ : state) {
    const xmpp::Jid& jid = users.next();
    const SessionRecord record{.session = users.at % users.jids.size()};
    users.directory.unbind(jid, record);
    users.directory.bind(jid, record);
  }
}
BENCHMARK(unbind_and_bind)->Arg(1'000)->Arg(100'000);

}  // namespace
}  // namespace server
