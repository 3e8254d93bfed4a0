#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <queue>
#include <string>
#include <thread>
#include <vector>

#include "loadgen/archive_reader.h"
#include "loadgen/audit.h"
#include "loadgen/client.h"
#include "loadgen/pair_pacer.h"
#include "loadgen/poller.h"
#include "loadgen/snapshot.h"
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

/// A thread with its clients, both ends of each conversation among them, so that no latency ever
/// compares two clocks and no message's audit needs a lock.
///
/// Messages are due by the clock (open model): even or Poisson arrivals over all active flows.
/// Threads: members marked [any thread]; the rest before `start` and after `stop`.
class Shard final : public ClientOwner, private PairPacer::Players, private ArchiveReader::Asker {
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
  /// [any thread] Begins to compare the archives of those who wrote with what they wrote; what
  /// take() gives afterwards tells how far that is.
  void read_archives();
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
  void on_online(Client& client, Micros took, bool resumed) override;
  void on_ended(Client& client, Ending ending, std::string_view reason) override;
  void on_message(Client& client, const xmpp::Stanza& stanza) override;
  void on_answer(Client& client, const xmpp::Stanza& iq) override;
  void on_acknowledged(const Outgoing& message) override;
  void on_in_doubt(const Outgoing& message) override;

 private:
  struct Timer {
    Micros when;
    std::uint32_t client;
    std::uint32_t turn;
    bool operator<(const Timer& other) const { return when > other.when; }
  };

  /// Calls `work` on the shard's thread, and waits for it and for its effect on take().
  void call(const std::function<void()>& work);
  void run();
  void send_due(Micros now);
  void send_on(std::uint32_t client, Micros due, Micros now);
  void run_timers(Micros now);
  void flush_dirty();
  void publish(Micros now);

  // Of PairPacer::Players: pair p is the clients 2p and 2p + 1.
  void enter(std::size_t pair) override;
  void leave(std::size_t pair) override;
  bool is_online(std::size_t pair) const override;
  bool is_away(std::size_t pair) const override;
  bool is_quiet(std::size_t pair) const override;

  bool ask(std::uint32_t client, const std::string& iq) override {
    return clients_[client]->ask(iq);
  }

  void count_reason(std::string_view reason);
  TargetCounts& counts_of(const Client& client);
  Micros next_gap();

  ShardOptions options_;
  TargetList& targets_;
  Poller poller_;
  std::unique_ptr<SaltedKeys, SaltedKeysFree> salted_keys_;
  SslContext ssl_context_;
  std::mt19937_64 random_;
  PairPacer pairs_;
  Audit audit_;
  ArchiveReader archives_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::priority_queue<Timer> timers_;
  std::vector<Client*> dirty_;
  Snapshot local_;
  std::chrono::steady_clock::time_point zero_;
  double rate_ = 0;
  std::size_t cursor_ = 0;
  Micros next_due_{-1};
  Micros published_at_{};
  bool sending_ = true;

  std::thread thread_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  Snapshot published_;
  std::vector<Offender> offenders_;
};

}  // namespace loadgen
