#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <queue>
#include <string>
#include <thread>
#include <vector>

#include "loadgen/audit.h"
#include "loadgen/client.h"
#include "loadgen/histogram.h"
#include "loadgen/poller.h"
#include "loadgen/target.h"

namespace loadgen {

enum class Model { open, closed };
enum class Arrivals { even, poisson };

struct ShardOptions {
  ClientSettings client;
  std::string run;  // Starts each message id.
  std::uint64_t seed = 7;
  Model model = Model::open;
  Arrivals arrivals = Arrivals::even;
  Range<std::uint64_t> body{100, 300};
  /// All accounts of the run; this shard plays every `shards`th pair from `shard` on.
  std::vector<Account> accounts;
  std::size_t shard = 0;
  std::size_t shards = 1;
};

/// What a shard counts for one target.
struct TargetCounts {
  std::uint64_t online = 0;
  std::uint64_t logins = 0;
  Histogram delivery;  // To recipients there.
};

/// Counters are totals since the start; histograms hold what came since the last `take`.
struct Snapshot {
  std::uint64_t offered = 0;
  std::uint64_t received = 0;
  std::uint64_t overflowed = 0;  // Refused by a full outbox.
  std::uint64_t held = 0;        // Closed model: not sent, as the last was not answered.
  std::uint64_t waiting = 0;     // In outboxes now.
  std::uint64_t online = 0;
  std::uint64_t wanted = 0;
  std::uint64_t logins = 0;
  std::uint64_t failed_logins = 0;
  std::uint64_t forced = 0;   // Streams that the server or the network ended.
  std::uint64_t churned = 0;  // Pairs that left and came back on purpose.
  AuditCounts audit;
  Histogram delivery;
  Histogram within;   // Both ends on one node.
  Histogram across;   // On two.
  Histogram login;    // From connecting to the bound session.
  Histogram offline;  // From a forced end to the next session.
  Histogram lag;      // From due to taken up by our loop.
  std::vector<TargetCounts> targets;
  std::map<std::string, std::uint64_t> reasons;  // Why streams ended and logins failed; bounded.

  void add(const Snapshot& other);
};

/// A thread with its clients, both ends of each conversation among them, so that no latency ever
/// compares two clocks and no message's audit needs a lock.
///
/// Messages are due by the clock (open model): even or Poisson arrivals over all active flows.
/// Threads: members marked [any thread]; the rest before `start` and after `stop`.
class Shard final : public ClientOwner {
 public:
  Shard(ShardOptions options, TargetList& targets);
  ~Shard();

  /// Time 0 of the run is the same for all shards. Errors: the TLS settings do not load.
  Result<void> start(std::chrono::steady_clock::time_point zero);
  /// Ends the thread; connections close.
  void stop();

  /// [any thread] This shard's share, not the run's.
  void set_rate(double messages_per_second);
  void set_sessions(std::size_t count, double logins_per_second);
  void set_churn(double pairs_per_second);
  /// [any thread] No new messages; the ones in flight go on.
  void finish_sending();
  /// [any thread] Calls the audit's last word on the shard's thread and waits for it.
  void conclude();
  /// [any thread] At most 100 ms old.
  Snapshot take();
  /// [any thread] Copy of the offenders so far.
  std::vector<Offender> offenders();

  Micros now() override;
  std::shared_ptr<Target> choose_target(Client& client) override;
  std::shared_ptr<Target> find_target(const std::string& host_port) override;
  SaltedKeys& salted_keys() override { return *salted_keys_; }
  SSL_CTX& ssl_context() override { return *ssl_context_; }
  std::mt19937_64& random() override { return random_; }
  void set_timer(Client& client, Micros when) override;
  void flush_later(Client& client) override { dirty_.push_back(&client); }
  void write_message(const Outgoing& message, std::string& xml) override;
  void on_online(Client& client, Micros login_took) override;
  void on_ended(Client& client, Ending ending, std::string_view reason) override;
  void on_message(Client& client, const xmpp::Stanza& stanza) override;
  void on_acknowledged(const Outgoing& message) override;
  void on_in_doubt(const Outgoing& message) override;

 private:
  /// Two clients that talk to each other, one flow each way.
  struct Pair {
    enum class State : std::uint8_t { idle, entering, active, draining, leaving };
    State state = State::idle;
    bool come_back = false;  // After `leaving`: churn, not goodbye.
    std::size_t place = 0;   // In `active_`, while active.
    Micros drain_by{};
  };
  struct Timer {
    Micros when;
    std::uint32_t client;
    std::uint32_t turn;
    bool operator<(const Timer& other) const { return when > other.when; }
  };

  void run();
  void send_due(Micros now);
  void send_on(std::uint32_t client, Micros due, Micros now);
  void run_timers(Micros now);
  void pace(Micros now);
  void drain_pair(std::size_t pair, bool come_back, Micros now);
  void activate(std::size_t pair);
  void deactivate(std::size_t pair);
  void check_leaving(Micros now);
  void flush_dirty();
  void publish(Micros now);
  void count_reason(std::string_view reason);
  TargetCounts& counts_of(const Client& client);
  Micros next_gap();

  ShardOptions options_;
  TargetList& targets_;
  Poller poller_;
  std::unique_ptr<SaltedKeys, SaltedKeysFree> salted_keys_;
  SslContext ssl_context_;
  std::mt19937_64 random_;
  Audit audit_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<Pair> pairs_;
  std::vector<std::uint32_t> active_;  // Pairs whose two ends were online: they carry traffic.
  std::vector<std::size_t> leaving_;   // Pairs on their way out.
  std::priority_queue<Timer> timers_;
  std::vector<Client*> dirty_;
  Snapshot local_;
  std::chrono::steady_clock::time_point zero_;
  double rate_ = 0;
  double login_rate_ = 0;
  double churn_rate_ = 0;
  double login_credit_ = 0;
  double churn_credit_ = 0;
  std::size_t wanted_pairs_ = 0;
  std::size_t entered_pairs_ = 0;
  std::size_t cursor_ = 0;
  Micros next_due_{-1};
  Micros paced_at_{};
  Micros published_at_{};
  bool sending_ = true;

  std::thread thread_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  Snapshot published_;
  std::vector<Offender> offenders_;
};

}  // namespace loadgen
