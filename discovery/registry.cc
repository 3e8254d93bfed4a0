#include "discovery/registry.h"

#include <algorithm>
#include <cassert>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "discovery/continuity.h"

namespace discovery {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using Moment = Clock::time_point;

constexpr auto clock_offset_max = milliseconds(2'000);  // NTP keeps machines far closer than that.
constexpr std::size_t version_bytes_max = 64;

// A lease that ends later than it did has been renewed; less is rounding.
constexpr auto renewal_min = milliseconds(10);

milliseconds to_ms(Clock::duration duration) {
  return std::chrono::duration_cast<milliseconds>(duration);
}

bool is_sound(const DiscoveryOptions& options) {
  const NodeRow& self = options.self;
  return is_node_name(self.name) && parse_host_port(self.peer_address).has_value() &&
         self.version.size() <= version_bytes_max && self.incarnation > 0 &&
         self.protocol_min <= self.protocol_max && self.state != NodeState::unknown &&
         options.lease > milliseconds(0);
}

}  // namespace

class Discovery::Worker {
 public:
  Worker(DiscoveryOptions options, std::unique_ptr<Backend> backend, Events& events)
      : options_(std::move(options)),
        backend_(std::move(backend)),
        events_(events),
        wanted_state_(options_.self.state),
        continuity_(options_.lease) {}

  ~Worker() { assert(!thread_.joinable()); }

  void on_peers(PeersCallback callback) {
    assert(!thread_.joinable());
    callback_ = std::move(callback);
  }

  Result<void> start() {
    if (!is_sound(options_)) return Errc::bad_self;
    thread_ = std::thread([this] { run(); });
    return {};
  }

  void set_state(NodeState state) {
    assert(state != NodeState::unknown);
    const std::lock_guard lock(mutex_);
    wanted_state_ = state;
    wake_.notify_all();
  }

  void nudge() {
    const std::lock_guard lock(mutex_);
    nudged_ = true;
    wake_.notify_all();
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      wake_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
  }

  std::optional<NodeRow> self() const {
    const std::lock_guard lock(mutex_);
    return listed_;
  }

  std::vector<NodeRow> peers() const {
    const std::lock_guard lock(mutex_);
    return peers_;
  }

  milliseconds lease_remaining() const {
    const std::lock_guard lock(mutex_);
    return lease_end_ ? to_ms(*lease_end_ - Clock::now()) : milliseconds(0);
  }

  bool available() const {
    const std::lock_guard lock(mutex_);
    return available_;
  }

 private:
  void run() {
    Moment last_turn = Clock::now() - options_.lease;
    while (wait_for_turn(last_turn)) {
      last_turn = Clock::now();
      turn();
    }
    // A registry that is away would only hold the node up: the lease ends by itself.
    if (claimed_ && !failed_since_) (void)backend_->leave(self_row());
    backend_.reset();  // Here, on the thread that used it.
  }

  // Waits until the registry is to be looked at again; false to end.
  bool wait_for_turn(Moment last_turn) {
    const milliseconds interval = std::min(options_.read_interval, options_.lease / 4);
    std::unique_lock lock(mutex_);
    const auto eager = [this] { return stopping_ || nudged_ || wanted_state_ != written_state_; };
    // What cannot be written is not tried more often than the interval for it.
    if (!failed_since_) wake_.wait_until(lock, last_turn + interval, eager);
    const Moment earliest =
        last_turn + (failed_since_ ? interval : std::min(interval, options_.nudge_interval));
    wake_.wait_until(lock, earliest, [this] { return stopping_; });
    nudged_ = false;
    return !stopping_;
  }

  NodeRow self_row() const {
    const std::lock_guard lock(mutex_);
    NodeRow row = options_.self;
    row.state = wanted_state_;
    return row;
  }

  void turn() {
    const NodeRow self = self_row();
    const Moment begun = Clock::now();
    const bool renewing =
        !is_listed_ || self.state != written_state() || begun >= last_renewal_ + options_.lease / 4;
    claimed_ = claimed_ || renewing;
    const Result<Reading> reading =
        renewing ? backend_->renew(self, options_.lease) : backend_->read();
    if (reading.has_error() && reading.error() == Errc::name_taken) return report_taken_name(self);
    if (reading.has_error()) return report_failure(reading.error(), begun);

    report_recovery();
    const auto own = std::ranges::find_if(reading->nodes, [&](const NodeRow& row) {
      return row.name == self.name && row.incarnation == self.incarnation;
    });
    if (own != reading->nodes.end()) {
      keep_lease(*own, renewing, begun);
      report_peers(*reading);
    } else {
      // Somebody took the row or the name: claim it anew, at once.
      lose_row();
      nudge();
    }
    report_oddities(*reading);
  }

  void keep_lease(const NodeRow& own, bool renewed, Moment begun) {
    if (renewed) {
      const Moment now = Clock::now();
      if (is_listed_ && lease_end_ && now > *lease_end_) {
        events_.lease_renewed_late(to_ms(now - *lease_end_));
      }
      last_renewal_ = begun;
    }
    {
      const std::lock_guard lock(mutex_);
      listed_ = own;
      written_state_ = own.state;
      // What passed while the answer travelled is taken off: better too early than too late.
      lease_end_ = begun + own.lease_remaining;
    }
    if (renewed) events_.lease_renewed();
    if (!is_listed_) events_.registered(own.number);
    is_listed_ = true;
    name_holder_.reset();
  }

  void lose_row() {
    is_listed_ = false;
    const std::lock_guard lock(mutex_);
    listed_.reset();
  }

  // The peers are those whose lease runs. After a gap in the readings, of whatever length, known
  // ones whose lease is over stay for one lease more: they had no way to renew it.
  void report_peers(const Reading& reading) {
    continuity_.answered(Clock::now(), reading.clock);
    const bool lenient = !continuity_.has_lasted_a_lease();

    std::vector<NodeRow> found;
    for (const NodeRow& row : reading.nodes) {
      if (row.name == options_.self.name) continue;
      const bool known = std::ranges::any_of(peers_, [&](const NodeRow& peer) {
        return peer.name == row.name && peer.incarnation == row.incarnation;
      });
      if (row.lease_remaining <= milliseconds(0) && !(known && lenient)) continue;
      if (compatible(row, options_.self)) {
        found.push_back(row);
      } else if (incompatible_.insert({row.name, row.incarnation}).second) {
        events_.incompatible_peer(row);
      }
    }
    std::ranges::sort(found, {}, &NodeRow::name);
    std::erase_if(incompatible_, [&](const auto& life) {
      return std::ranges::none_of(reading.nodes, [&](const NodeRow& row) {
        return row.name == life.first && row.incarnation == life.second;
      });
    });

    const bool changed = !peers_given_ || !std::ranges::equal(found, peers_, same_node);
    {
      const std::lock_guard lock(mutex_);
      peers_ = found;
    }
    peers_given_ = true;
    if (changed && callback_) callback_(std::move(found));
  }

  void report_taken_name(const NodeRow& self) {
    report_recovery();
    lose_row();
    const Result<Reading> reading = backend_->read();
    if (reading.has_error()) return;  // The next turn tells.
    const auto holder = std::ranges::find(reading->nodes, self.name, &NodeRow::name);
    if (holder == reading->nodes.end()) return;  // It left, or is unsound: the next turn tells.
    // By the registry's clock: the stamp in the row, whatever that clock does.
    const Stamp lease_end = reading->clock.value_or(Stamp()) + holder->lease_remaining;
    if (!name_holder_ || name_holder_->incarnation != holder->incarnation) {
      name_holder_ = {holder->incarnation, lease_end};
      events_.name_taken(*holder);
    }
    const bool is_alive = lease_end > name_holder_->lease_end + renewal_min;
    if ((is_alive || holder->incarnation > self.incarnation) && !name_holder_->is_refused) {
      name_holder_->is_refused = true;
      events_.name_refused(*holder);
    }
  }

  void report_failure(boost::system::error_code error, Moment begun) {
    if (failed_since_ && last_error_ == error) return;
    // Another kind of failure within the same outage is news too.
    last_error_ = error;
    {
      const std::lock_guard lock(mutex_);
      if (!failed_since_) failed_since_ = begun;
      available_ = false;
    }
    events_.backend_failed(error, backend_->last_failure());
  }

  void report_recovery() {
    std::optional<Moment> since;
    {
      const std::lock_guard lock(mutex_);
      since = std::exchange(failed_since_, std::nullopt);
      available_ = true;
    }
    if (!since) return;
    continuity_.failed();  // Whatever was missed meanwhile: see report_peers().
    last_error_ = {};
    events_.backend_recovered(to_ms(Clock::now() - *since));
  }

  void report_oddities(const Reading& reading) {
    if (reading.rows_ignored != rows_ignored_) {
      rows_ignored_ = reading.rows_ignored;
      if (rows_ignored_ > 0) events_.rows_ignored(rows_ignored_);
    }
    if (!reading.clock) return;
    const auto offset =
        std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now() - *reading.clock);
    const bool differs = std::chrono::abs(offset) > clock_offset_max;
    if (differs && !clock_differs_) events_.clock_differs(offset);
    clock_differs_ = differs;
  }

  NodeState written_state() const {
    const std::lock_guard lock(mutex_);
    return written_state_;
  }

  using Stamp = Continuity::Stamp;

  // Who has our name, as first seen.
  struct NameHolder {
    std::uint64_t incarnation = 0;
    Stamp lease_end;
    bool is_refused = false;  // Told: it will not go.
  };

  const DiscoveryOptions options_;
  std::unique_ptr<Backend> backend_;
  Events& events_;
  PeersCallback callback_;
  std::thread thread_;

  // For any thread, under the lock. Only the worker's thread writes those of the second line.
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  NodeState wanted_state_;
  bool nudged_ = false, stopping_ = false;
  NodeState written_state_ = NodeState::unknown;
  std::optional<NodeRow> listed_;
  std::vector<NodeRow> peers_;
  std::optional<Moment> lease_end_, failed_since_;
  bool available_ = false;

  // The worker's thread alone.
  bool claimed_ = false, is_listed_ = false, peers_given_ = false, clock_differs_ = false;
  Moment last_renewal_;
  Continuity continuity_;
  std::optional<NameHolder> name_holder_;
  boost::system::error_code last_error_;
  std::set<std::pair<std::string, std::uint64_t>> incompatible_;  // Reported, and still listed.
  std::size_t rows_ignored_ = 0;
};

Discovery::Discovery(DiscoveryOptions options, std::unique_ptr<Backend> backend, Events& events)
    : worker_(std::make_unique<Worker>(std::move(options), std::move(backend), events)) {}

Discovery::~Discovery() = default;

void Discovery::on_peers(PeersCallback callback) { worker_->on_peers(std::move(callback)); }
Result<void> Discovery::start() { return worker_->start(); }
void Discovery::set_state(NodeState state) { worker_->set_state(state); }
void Discovery::nudge() { worker_->nudge(); }
void Discovery::stop() { worker_->stop(); }
std::optional<NodeRow> Discovery::self() const { return worker_->self(); }
std::vector<NodeRow> Discovery::peers() const { return worker_->peers(); }
milliseconds Discovery::lease_remaining() const { return worker_->lease_remaining(); }
bool Discovery::available() const { return worker_->available(); }

}  // namespace discovery
