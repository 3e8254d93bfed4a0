// What a table costs: writing, reading, memory, and the way to two peers over loopback.
//
//     bazel run //benchmarks/replication:table_benchmark

#include <benchmark/benchmark.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "replication/link_tls.h"
#include "replication/node.h"
#include "replication/table.h"
#include "tests/support/authority.h"

namespace {

using namespace std::chrono_literals;
using replication::NodeRef;
using Key = std::pair<std::string, std::string>;
using Sessions = replication::Table<Key, std::string>;

// A session's record: a bare JID of some 24 bytes, a resource of 12, and 24 bytes of data.
Key key(std::int64_t number) {
  return {"user" + std::to_string(1'000'000 + number) + "@example.org", "phone-a1b2c3"};
}
const std::string record(24, 'r');

// A certificate for a node, of an authority that all trust; none with links in clear.
std::shared_ptr<const replication::LinkTls> certificate(const std::string& name, bool tls) {
  if (!tls) return nullptr;
  static tests::Authority authority("benchmark");
  const auto files = authority.issue({"DNS:" + name});
  return *replication::LinkTls::load({.mode = replication::TlsMode::required,
                                      .certificate = files.certificate,
                                      .key = files.key,
                                      .ca = authority.file()});
}

struct Member {
  explicit Member(const std::string& name, bool tls = false)
      : node({.cluster = "benchmark",
              .name = name,
              .secret = "benchmark",
              .tls = certificate(name, tls)},
             events),
        sessions(node, "sessions") {
    node.on_message([this](NodeRef, std::string_view) { ++received; });
  }
  ~Member() { node.stop(0ms); }
  replication::PeerAddress address() const {
    return {node.id().name, "127.0.0.1", node.listen_port()};
  }
  bool ready(std::size_t peers) const {
    std::size_t ready = 0;
    for (const auto& peer : node.peers()) ready += peer.state == replication::PeerState::ready;
    return ready == peers;
  }

  replication::Events events;
  std::atomic<std::uint64_t> received{0};
  replication::Node node;
  Sessions sessions;
};

struct Trio {
  explicit Trio(bool tls = false) : a("a", tls), b("b", tls), c("c", tls) {
    for (Member* member : {&a, &b, &c}) {
      if (!member->node.start()) std::abort();
    }
    for (Member* member : {&a, &b, &c}) {
      member->node.set_peers({a.address(), b.address(), c.address()});
    }
    while (!a.ready(2) || !b.ready(2) || !c.ready(2)) std::this_thread::yield();
  }
  Member a, b, c;
};

void put(benchmark::State& state) {
  Member alone("a");
  std::int64_t number = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(alone.sessions.put(key(number++ % state.range(0)), record));
  }
}
BENCHMARK(put)->Arg(100'000);

void find(benchmark::State& state) {
  Member alone("a");
  for (std::int64_t i = 0; i < state.range(0); ++i) alone.sessions.put(key(i), record).value();
  std::int64_t number = 0;
  for (auto _ : state) {
    std::size_t found = 0;
    alone.sessions.find(key(number++ * 7919 % state.range(0)),
                        [&](NodeRef, const std::string& at) { found += at.size(); });
    benchmark::DoNotOptimize(found);
  }
}
BENCHMARK(find)->Arg(100'000)->Arg(1'000'000);

void memory_per_record(benchmark::State& state) {
  for (auto _ : state) {
    Member alone("a");
    std::size_t before = mallinfo2().uordblks;
    for (std::int64_t i = 0; i < state.range(0); ++i) alone.sessions.put(key(i), record).value();
    // The ring of the log is a constant, and not the records'.
    double used = static_cast<double>(mallinfo2().uordblks - before);
    double ring = 8.0 * 1024 * 1024;
    state.counters["bytes"] = (used - ring) / static_cast<double>(state.range(0));
  }
}
BENCHMARK(memory_per_record)->Arg(1'000'000)->Iterations(1)->Unit(benchmark::kMillisecond);

// One write at a time, until both peers have applied it. tls: the links are TLS.
void replicated_one_by_one(benchmark::State& state) {
  Trio trio(state.range(0) != 0);
  std::int64_t number = 0;
  for (auto _ : state) {
    auto position = trio.a.sessions.put(key(number++ % 10'000), record).value();
    trio.a.sessions.wait_replicated(position, replication::in(10s)).value();
  }
}
BENCHMARK(replicated_one_by_one)
    ->ArgName("tls")
    ->Arg(0)
    ->Arg(1)
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

// Writes without waiting between them; the last is waited for. One iteration is 100,000 writes.
void replicated_in_bulk(benchmark::State& state) {
  Trio trio(state.range(0) != 0);
  constexpr std::int64_t writes = 100'000;
  for (auto _ : state) {
    replication::Position last = 0;
    for (std::int64_t i = 0; i < writes; ++i) last = trio.a.sessions.put(key(i), record).value();
    trio.a.sessions.wait_replicated(last, replication::in(60s)).value();
  }
  state.SetItemsProcessed(state.iterations() * writes);
}
BENCHMARK(replicated_in_bulk)
    ->ArgName("tls")
    ->Arg(0)
    ->Arg(1)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

// Messages of 400 bytes to one peer, waited for every 10,000.
void messages(benchmark::State& state) {
  Trio trio(state.range(0) != 0);
  NodeRef to = trio.a.node.ref(trio.b.node.id()).value();
  const std::string payload(400, 'm');
  std::uint64_t sent = 0;
  for (auto _ : state) {
    for (int i = 0; i < 10'000; ++i) trio.a.node.send(to, payload).value();
    sent += 10'000;
    while (trio.b.received != sent) std::this_thread::yield();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(sent));
}
BENCHMARK(messages)->ArgName("tls")->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);

// A fourth node joins three with so many records each.
void join(benchmark::State& state) {
  Trio trio;
  for (Member* member : {&trio.a, &trio.b, &trio.c}) {
    for (std::int64_t i = 0; i < state.range(0); ++i) member->sessions.put(key(i), record).value();
  }
  for (auto _ : state) {
    Member fourth("d");
    if (!fourth.node.start()) std::abort();
    fourth.node.set_peers({trio.a.address(), trio.b.address(), trio.c.address()});
    if (!fourth.node.wait_joined(replication::in(60s))) std::abort();
  }
}
BENCHMARK(join)->Arg(10'000)->Arg(100'000)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
