#include "tests/replication/simulation/schedule.h"

#include <algorithm>
#include <utility>

#include "tests/replication/simulation/cluster.h"

namespace replication::simulation {
namespace {

using Duration = std::chrono::microseconds;

// What befalls the cluster, drawn from the seed.
class Schedule {
 public:
  Schedule(std::uint64_t seed, std::ostream* trace)
      : cluster_(seed, machines_of(seed), tables_of(seed), trace), random_(cluster_.world.random) {}

  Outcome run() {
    draw_options();
    for (std::size_t machine = 0; machine < cluster_.machines(); ++machine) {
      if (random_.one_in(4)) continue;  // It comes later, or never.
      if (random_.one_in(2)) cluster_.run(random_.between(0us, Duration(300ms)));
      start(machine);
    }
    const auto end = cluster_.world.now() + random_.between(Duration(1s), Duration(8s));
    while (cluster_.world.now() < end && !cluster_.world.failed()) {
      act();
      if (random_.one_in(3)) cluster_.check();
      cluster_.run(random_.between(0us, pause_max_));
    }
    cluster_.world.trace("--- all faults end");
    ending_ = true;
    cluster_.heal();
    cluster_.publish(300ms);
    cluster_.settle();
    return {.failure = cluster_.world.failure(),
            .fingerprint = cluster_.world.fingerprint(),
            .events = cluster_.world.events()};
  }

 private:
  // Few machines are quick to simulate, many are rarely needed.
  static std::size_t machines_of(std::uint64_t seed) {
    Random random(seed ^ 0x6d616368);
    return 2 + random.below(random.below(6) + 1);
  }
  static std::vector<Cluster::Table> tables_of(std::uint64_t seed) {
    Random random(seed ^ 0x7461626c);
    std::vector<Cluster::Table> tables{{"plain", false}, {"unique", true}, {"other", false}};
    tables.resize(random.between<std::size_t>(1, 3));
    if (random.one_in(4)) std::reverse(tables.begin(), tables.end());
    return tables;
  }

  template <class T>
  T one_of(std::initializer_list<T> all) {
    return all.begin()[random_.below(all.size())];
  }

  void draw_options() {
    tables_ = cluster_.tables();
    fat_ = random_.one_in(3);
    faults_in_ = one_of<std::uint64_t>({4, 8, 20});
    deaths_in_ = one_of<std::uint64_t>({1, 4, 50});
    react_in_ = one_of<std::uint64_t>({0, 4});
    pause_max_ = one_of<Duration>({5ms, 20ms, 60ms});
    groups_ = random_.between<std::size_t>(1, 8);
    std::vector<std::string> names;
    for (std::size_t i = 0; i < cluster_.machines(); ++i) {
      names.insert(names.begin() + static_cast<std::ptrdiff_t>(random_.below(i + 1)),
                   std::string(1, static_cast<char>('a' + i)));
    }
    for (std::size_t machine = 0; machine < cluster_.machines(); ++machine) {
      NodeOptions& options = cluster_.options(machine);
      options.name = names[machine];
      if (fat_) options.lag_max = 2 * options.silence_max;  // Silence ends waits before lag does.
      options.log_ring_bytes = one_of<std::size_t>({1, 1, 100'000, 8 << 20});
      options.link_queue_bytes_max = one_of<std::size_t>({1'000, 40'000, 64 << 20});
      cluster_.pace(machine) = one_of<Duration>({5us, 50us, 500us, 3ms});
      for (std::size_t to = 0; to < cluster_.machines(); ++to) {
        Path& path = cluster_.network.path(machine, to);
        path.latency_min = one_of<Duration>({10us, 100us, 1ms});
        path.latency_max = path.latency_min * one_of({1, 3, 20});
        path.slice_max = one_of<std::size_t>({64 * 1024, 8'000, fat_ ? 1'500u : 50u});
      }
    }
  }

  void act() {
    if (random_.one_in(faults_in_)) {
      fault();
      return;
    }
    Member* member = somebody();
    if (member == nullptr) return;
    switch (random_.below(5)) {
      case 0:
        for (auto left = 1 + random_.skewed(20); left > 0; --left) {
          if (Member* to = somebody_to_write_to(*member)) {
            member->send(*to, static_cast<std::uint32_t>(random_.skewed(fat_ ? 20'000 : 300)));
          }
        }
        return;
      case 1:
        member->wait_replicated(random_.below(tables_), random_.between(1ms, Duration(2s)));
        return;
      default:
        write(*member);
    }
  }

  void write(Member& member) {
    const std::size_t table = random_.below(tables_);
    for (auto left = 1 + random_.skewed(fat_ ? 12 : 60); left > 0; --left) {
      const Key key{"g" + std::to_string(random_.below(groups_)),
                    "m" + std::to_string(random_.below(3))};
      if (random_.one_in(3)) {
        member.erase(table, key);
      } else {
        member.put(table, key, random_.below(6),
                   static_cast<std::uint32_t>(random_.skewed(fat_ ? 60'000 : 40)));
      }
    }
    if (random_.one_in(3)) member.wait_replicated(table, random_.between(1ms, Duration(2s)));
  }

  void fault() {
    const std::size_t machine = random_.below(cluster_.machines());
    const std::size_t other = random_.below(cluster_.machines());
    const Duration until = random_.between(Duration(1ms), one_of<Duration>({50ms, 800ms, 5s}));
    Member* member = cluster_.at(machine);
    switch (random_.below(13)) {
      case 0:
        cluster_.world.trace("connections of ", Network::name(machine), " and ",
                             Network::name(other), " are reset");
        cluster_.network.reset(machine, other);
        return;
      case 1:
        cluster_.stall(machine, other);
        later(until, [=, this] { cluster_.flow(machine, other); });
        return;
      case 2:
        cluster_.cut(machine, other);
        later(until, [=, this] { cluster_.mend(machine, other); });
        return;
      case 3:
        partition(until);
        return;
      case 4:
        if (machine == other) return;
        cluster_.world.trace(Network::name(other), " refuses ", Network::name(machine));
        cluster_.network.path(machine, other).refuses = true;
        if (random_.one_in(2)) cluster_.network.reset(machine, other);
        later(until, [=, this] { cluster_.network.path(machine, other).refuses = false; });
        return;
      case 5:
      case 6:
        if (member == nullptr) {
          start(machine);
        } else if (random_.one_in(deaths_in_)) {
          cluster_.crash(machine);
          restart_later(machine, until);
        }
        return;
      case 7:
        if (member == nullptr) {
          start(machine);
        } else if (random_.one_in(deaths_in_)) {
          cluster_.power_off(machine);
          restart_later(machine, until);
        }
        return;
      case 8:
        if (member == nullptr || !member->serving() || !random_.one_in(deaths_in_)) return;
        member->leave(std::chrono::milliseconds(random_.below(1000)));
        cluster_.publish(300ms);
        restart_later(machine, until);
        return;
      case 9:
        if (member == nullptr || !member->serving()) return;
        member->pause();
        later(until, [member] {
          if (member->alive() && member->paused()) member->resume();
        });
        return;
      case 10:
        cluster_.publish(300ms);
        return;
      case 11:
        if (member == nullptr || cluster_.at(other) != nullptr) return;
        if (random_.one_in(2)) member->pause();
        prepare(cluster_.replace(machine, other), other);
        later(until, [=, this] {
          if (cluster_.at(machine) == member) cluster_.crash(machine);
        });
        return;
      default:
        return;
    }
  }

  void partition(Duration until) {
    const std::uint64_t side = random_.next();
    for (std::size_t one = 0; one < cluster_.machines(); ++one) {
      for (std::size_t other = 0; other < one; ++other) {
        if ((side >> one & 1) == (side >> other & 1)) continue;
        cluster_.cut(one, other);
        later(until, [=, this] { cluster_.mend(one, other); });
      }
    }
  }

  void start(std::size_t machine) { prepare(cluster_.start(machine, !random_.one_in(4)), machine); }

  void prepare(Member& member, std::size_t machine) {
    member.react(react_in_);
    for (std::size_t other = 0; other < cluster_.machines(); ++other) {
      if (other != machine) cluster_.mend(machine, other);
    }
    if (random_.one_in(2)) write(member);  // Before it knows anybody.
    cluster_.publish(300ms);
  }

  void restart_later(std::size_t machine, Duration delay) {
    if (random_.one_in(3)) return;
    later(delay, [=, this] {
      if (cluster_.at(machine) == nullptr) start(machine);
    });
  }

  void later(Duration delay, World::Event event) {
    cluster_.world.after(delay, [this, event = std::move(event)] {
      if (!ending_) event();
    });
  }

  Member* somebody() {
    Member* member = cluster_.at(random_.below(cluster_.machines()));
    return member != nullptr && member->serving() ? member : nullptr;
  }

  // Any life that it may know of, even one that has ended.
  Member* somebody_to_write_to(const Member& from) {
    const auto& members = cluster_.truth.members;
    Member* to = random_.one_in(10) ? members[random_.below(members.size())].get()
                                    : cluster_.at(random_.below(cluster_.machines()));
    return to == &from ? nullptr : to;
  }

  Cluster cluster_;
  Random& random_;
  std::size_t tables_ = 1;
  bool fat_ = false;  // Records and messages large enough to overflow rings and queues.
  std::uint64_t faults_in_ = 8;
  std::uint64_t deaths_in_ = 1;  // Of so many that might end a life.
  std::uint64_t react_in_ = 0;
  Duration pause_max_{};
  std::size_t groups_ = 1;
  bool ending_ = false;
};

}  // namespace

Outcome run_schedule(std::uint64_t seed, std::ostream* trace) {
  return Schedule(seed, trace).run();
}

}  // namespace replication::simulation
