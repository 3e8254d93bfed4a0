#include "tests/replication/process/replicas.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "tests/support/eventually.h"

namespace tests {
namespace {

using namespace std::chrono_literals;

constexpr auto limit = ReplicaProcess::patience;
constexpr std::uint64_t range_keys = 1'000'000;
constexpr std::uint64_t witness_keys = 500'000;  // The second half of a range.
constexpr std::uint64_t writer_keys = 5'000;
constexpr std::uint64_t writer_first = 400'000;

}  // namespace

std::vector<std::string> quick_limits() {
  return {"--heartbeat-ms=100", "--silence-ms=800", "--forget-ms=2500", "--lag-ms=400"};
}

Replicas::Replicas(std::size_t count, ReplicasOptions options) : options_(std::move(options)) {
  for (std::size_t number = 1; number <= count; ++number) {
    std::vector<std::string> flags = quick_limits();
    flags.insert(flags.end(), options_.flags.begin(), options_.flags.end());
    if (!options_.hosts.empty()) flags.push_back("--host=" + options_.hosts.at(number - 1));
    nodes_.push_back(std::make_unique<ReplicaProcess>(
        "n" + std::to_string(number), std::move(flags),
        options_.commands.empty() ? std::vector<std::string>() : options_.commands.at(number - 1)));
  }
  for (auto& node : nodes_) node->launch();
  for (auto& node : nodes_) node->wait_until_started();
  for (auto [a, b] : options_.gates) {
    for (auto [dialler, dialled] : {std::pair(a, b), std::pair(b, a)}) {
      gates_[{dialler, dialled}] = std::make_unique<TcpGate>((*this)[dialled].port());
    }
  }
  introduce();
}

void Replicas::start() {
  std::vector<ReplicaProcess*> started;
  for (auto& node : nodes_) {
    if (!node->runs()) started.push_back(node.get());
  }
  for (ReplicaProcess* node : started) node->launch();
  for (ReplicaProcess* node : started) node->wait_until_started();
  introduce();
}

void Replicas::introduce() {
  if (options_.listed) return;
  for (std::size_t from = 1; from <= size(); ++from) {
    if (!(*this)[from].runs()) continue;
    std::string command = "peers";
    for (std::size_t to = 1; to <= size(); ++to) {
      if (from == to) continue;
      const auto gate = gates_.find({from, to});
      const std::string host = options_.hosts.empty() ? "127.0.0.1" : options_.hosts.at(to - 1);
      const auto port = gate == gates_.end() ? (*this)[to].port() : gate->second->port();
      command += " " + (*this)[to].name() + "=" + host + ":" + std::to_string(port);
    }
    (*this)[from].obey(command);
  }
}

bool Replicas::all_ready() {
  return eventually(limit, [this] {
    for (auto& node : nodes_) {
      for (auto& other : nodes_) {
        if (node == other || !node->runs() || !other->runs()) continue;
        if (node->ask("peer " + other->name()).text("state") != "ready") return false;
      }
    }
    return true;
  });
}

bool Replicas::holds_the_same() {
  std::uint64_t records = 0;
  for (auto& owner : nodes_) {
    if (!owner->runs()) continue;
    const std::string own = owner->obey("digest self").line();
    records += Answer(own).number("records");
    for (auto& node : nodes_) {
      if (node == owner || !node->runs()) continue;
      if (node->ask("digest " + owner->name()).line() != own) return false;
    }
  }
  return std::ranges::all_of(nodes_, [&](auto& node) {
    return !node->runs() || node->obey("count").number("records") == records;
  });
}

bool Replicas::whole() {
  return all_ready() && eventually(limit, [this] { return holds_the_same(); });
}

std::size_t Replicas::witness(std::size_t writer, const Numbers& others) {
  const std::uint64_t key = witness_keys + witnessed_++;
  const std::string at = std::to_string(writer * range_keys + key);
  ReplicaProcess& owner = (*this)[writer];
  std::map<std::size_t, std::size_t> times;  // That those who count were left out before.
  for (std::size_t other : others) {
    const std::string name = (*this)[other].name();
    if (!owner.leaves_out(name)) times[other] = owner.times_left_out(name);
  }
  const std::uint64_t position = owner.obey("put " + at + " 1").number("position");
  owner.obey("replicated " + std::to_string(position) + " 60");
  std::size_t looked = 0;
  for (auto [other, before] : times) {
    const std::string name = (*this)[other].name();
    if (owner.leaves_out(name) || owner.times_left_out(name) != before) continue;
    ++looked;
    EXPECT_NE(owners_at(other, writer, key), "")
        << (*this)[other].name() << " lacks what was acknowledged\n"
        << owner.events();
  }
  return looked;
}

void Replicas::put(std::size_t number, std::uint64_t from, std::uint64_t count) {
  (*this)[number].obey("put " + std::to_string(number * range_keys + from) + " " +
                       std::to_string(count));
}

void Replicas::erase(std::size_t number, std::uint64_t from, std::uint64_t count) {
  (*this)[number].obey("erase " + std::to_string(number * range_keys + from) + " " +
                       std::to_string(count));
}

std::string Replicas::owners_at(std::size_t number, std::size_t range, std::uint64_t key) {
  return (*this)[number].obey("find " + std::to_string(range * range_keys + key)).text("owners");
}

void Replicas::start_writers(double rate) {
  for (std::size_t number = 1; number <= size(); ++number) {
    if (!(*this)[number].runs()) continue;
    (*this)[number].obey("writer start " + std::to_string(rate) + " " +
                         std::to_string(number * range_keys + writer_first) + " " +
                         std::to_string(writer_keys));
  }
}

void Replicas::stop_writers() {
  for (auto& node : nodes_) {
    if (node->runs()) node->ask("writer stop");  // One that was started since does not write.
  }
}

std::string Replicas::events() {
  std::string all;
  for (auto& node : nodes_) {
    all += node->events();
    for (auto& other : nodes_) {
      if (node == other || !node->runs()) continue;
      all += " now: " + other->name() + " " + node->ask("peer " + other->name()).line() + "\n";
    }
    if (options_.listed && node->runs()) all += " now: " + node->ask("registry").line() + "\n";
  }
  return all;
}

}  // namespace tests
