#include "replication/mesh.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "replication/wire.h"

namespace replication {
namespace {

using namespace std::chrono_literals;

// How long a leaving node waits for its peers to close their side after its goodbye.
constexpr auto farewell_max = 300ms;

// Acknowledged by a peer that does not have the table: nobody waits for it there.
constexpr Position no_table = std::numeric_limits<Position>::max();

}  // namespace

Mesh::Mesh(NodeState& node)
    : node_(node),
      options_(node.options),
      environment_(*node.environment),
      tls_(options_.tls),
      // Fine enough for half a heartbeat; 20 times a second costs an idle node nothing to speak of.
      tick_every_(std::clamp(options_.heartbeat / 5, 5ms, 50ms)),
      relay_(options_.relay_tunnels_max),
      random_(static_cast<std::mt19937::result_type>(environment_.random_number())) {}

Mesh::~Mesh() {
  environment_.close();
  for (auto& [name, peer] : peers_) {
    if (peer.link && peer.link->carrier() != nullptr) peer.link->carrier()->end();
  }
}

Result<void> Mesh::start() {
  auto listener = environment_.listen(options_.listen_host, options_.listen_port);
  if (!listener) return listener.error();
  listener_ = *std::move(listener);
  listen_port_ = listener_->port();
  write_times_.resize(node_.tables.size());
  running_ = true;
  last_tick_ = environment_.now();
  accept();
  tick();
  environment_.start();
  return {};
}

void Mesh::leave(std::chrono::milliseconds drain, Environment::Task done) {
  if (!running_) {
    done();
    return;
  }
  environment_.post([this, until = environment_.now() + drain, done = std::move(done)] {
    begin_stop(until, done);
  });
}

bool Mesh::wait_joined(Deadline deadline) const {
  std::unique_lock lock(joined_mutex_);
  joined_changed_.wait_until(lock, deadline, [this] { return joined_ || stopped_; });
  return joined_;
}

void Mesh::wake(Wake wake) {
  if (!running_.load(std::memory_order_acquire)) return;
  // Whoever reads the log after this write also sets `waking_` after it: nothing is overlooked.
  if (wake == Wake::for_write && waking_.load(std::memory_order_acquire) != Waking::at_each) return;
  if (waking_.exchange(Waking::soon) == Waking::soon) return;
  environment_.post([this] {
    waking_ = Waking::at_each;
    pump();
  });
}

// Before the log is read: what is written from here on is read too, or wakes again.
void Mesh::wake_at_each() {
  auto expected = Waking::with_acks;
  waking_.compare_exchange_strong(expected, Waking::at_each);
}

// When all links wait for acks of this node's log that come soon, there is no need for writers to
// wake this thread: the acks do, and take along what has been written meanwhile. So the more is
// written, the more writes share a frame, a system call and an ack; and one write alone waits for
// nothing. If none of the links is waited for, writes end their waits at once.
void Mesh::gather_writes() {
  bool waited_for = false;
  for (const auto& [name, peer] : peers_) {
    if (!peer.link) continue;
    if (!peer.link->established() || !peer.link->outflow().expects_ack()) return;
    waited_for = waited_for || peer.counted;
  }
  if (!waited_for) return;
  auto expected = Waking::at_each;
  waking_.compare_exchange_strong(expected, Waking::with_acks);
}

void Mesh::pump() {
  wake_at_each();
  for (auto& table : node_.tables) table->resolve_pending_conflicts();
  for (auto& [name, peer] : peers_) {
    if (peer.link) peer.link->pump();
  }
  settle_waits(environment_.now());
  gather_writes();
}

void Mesh::settle_waits(Time now) {
  std::vector<TableCore::EndedWait> ended;
  for (std::size_t table = 0; table < node_.tables.size(); ++table) {
    Position acked = node_.tables[table]->position();
    for (auto& [name, peer] : peers_) {
      if (peer.counted) acked = std::min(acked, acked_by(peer, table));
    }
    node_.tables[table]->settle_waits(acked, now, ended);
  }
  for (auto& wait : ended) wait.done(wait.error);
}

Position Mesh::acked_by(const Peer& peer, std::size_t table) const {
  if (peer.link && peer.link->outflow().started()) {
    auto at = peer.link->outflow().acked(table);
    return at.known ? at.position : no_table;
  }
  // Between two links, and until the new one has told where the peer stands.
  return table < peer.acked.size() ? peer.acked[table] : 0;
}

void Mesh::accept() {
  accepting_ = true;
  listener_->accept([this](ErrorCode error, std::unique_ptr<Connection> connection) {
    accepting_ = false;
    if (drain_until_) return;
    // Out of descriptors, perhaps: the next tick tries again, and nothing spins meanwhile.
    if (error) return;
    if (incoming_.size() < options_.handshakes_max) {
      LinkPtr link = new_link(Role::acceptor, {}, tls_);
      incoming_.push_back(link);
      link->accept(std::move(connection));
    } else {
      refusals_.with([](RefusalCounts& counts) { ++counts.others; });
    }
    accept();
  });
}

void Mesh::tick() {
  const Time now = environment_.now();
  // When this process has been asleep, what it missed lies in its sockets: the peers were not
  // silent.
  if (now - last_tick_ > options_.silence_max / 2) {
    for (auto& [name, peer] : peers_) {
      peer.last_heard = now;
      if (peer.link) peer.link->last_heard = now;
    }
  }
  last_tick_ = now;
  if (!accepting_ && !drain_until_) accept();
  for (const LinkPtr& link : std::vector<LinkPtr>(incoming_)) {
    if (now - link->begun() > options_.hello_max) link->close(Errc::hello_timeout);
  }
  for (auto& [name, peer] : peers_) look_after(peer, now);
  std::erase_if(peers_, [](const auto& entry) {
    const Peer& peer = entry.second;
    return !peer.is_wanted() && !peer.ref && !peer.link && !peer.dialling && !peer.relaying;
  });
  announce_reach();
  if (drain_until_) go_on_stopping(now);
  pump();
  for (std::size_t table = 0; table < node_.tables.size(); ++table) {
    write_times_[table].look(node_.tables[table]->position(), now);
  }
  publish_now();
  environment_.after(tick_every_, [this] { tick(); });
}

void Mesh::look_after(Peer& peer, Time now) {
  if (peer.link) {
    peer.last_heard = std::max(peer.last_heard, peer.link->last_heard);
    if (now - peer.link->last_ping >= options_.heartbeat) {
      peer.link->last_ping = now;
      std::string stamp;
      put_number(ping_stamp(now), stamp);
      peer.link->outflow().control(FrameKind::ping, stamp);
    }
    watch_lag(peer, now);
  } else if (peer.counted && now - peer.last_heard > options_.lag_max) {
    leave_out(peer);
  }
  if (peer.ref && !peer.unreachable && now - peer.last_heard > options_.silence_max) {
    mark_unreachable(peer, peer.link ? make_error_code(Errc::silent) : peer.last_error);
  }
  if (peer.ref && now - peer.last_heard > options_.forget_after) gone(peer, Errc::forgotten);
  if (peer.dialling) {
    auto limit = peer.dialling->connected() ? options_.hello_max : options_.connect_max;
    if (now - peer.dialling->begun() > limit) peer.dialling->close(Errc::hello_timeout);
  } else if ((is_lacking(peer, now) || peer.link->is_relayed()) && now >= peer.next_dial) {
    dial(peer);
  }
  look_for_relay(peer, now);
}

void Mesh::watch_lag(Peer& peer, Time now) {
  bool behind = false;
  bool progress = false;
  peer.acked.resize(node_.tables.size());
  for (std::size_t table = 0; table < node_.tables.size(); ++table) {
    const Position acked = acked_by(peer, table);
    if (acked < node_.tables[table]->position()) behind = true;
    if (acked > peer.acked[table]) progress = true;
    peer.acked[table] = acked;
  }
  if (progress || !behind) peer.last_progress = now;
  if (!peer.ready && !peer.counted) return;
  bool lagging = now - peer.last_progress > options_.lag_max;
  if (lagging && !peer.lagging) {
    leave_out(peer);
  } else if (peer.lagging && !behind) {
    peer.lagging = false;
    peer.counted = true;
    node_.events.lagging(node_.owners.id(*peer.ref), false);
  }
}

void Mesh::leave_out(Peer& peer) {
  peer.lagging = true;
  peer.counted = false;
  node_.events.lagging(node_.owners.id(*peer.ref), true);
}

void Mesh::set_peers(std::vector<PeerAddress> peers) {
  environment_.post([this, peers = std::move(peers)] { apply_peers(peers); });
}

void Mesh::use_tls(std::shared_ptr<const LinkTls> tls) {
  environment_.post([this, tls = std::move(tls)] { tls_ = tls; });
}

void Mesh::apply_peers(const std::vector<PeerAddress>& listed) {
  if (drain_until_) return;
  peers_set_ = true;
  for (auto& [name, peer] : peers_) {
    bool still = std::any_of(listed.begin(), listed.end(),
                             [&](const PeerAddress& address) { return address.name == name; });
    if (still) continue;
    peer.listed.reset();
    peer.delisted = true;
  }
  for (const PeerAddress& address : listed) {
    if (address.name == node_.id.name || address.name.empty()) continue;
    Peer& known = peer(address.name);
    if (known.listed == address) continue;
    known.listed = address;
    known.delisted = false;
    known.next_dial = {};
    known.backoff = options_.backoff_min;
    if (!known.link && !known.dialling) dial(known);
  }
  publish();
}

void Mesh::begin_stop(Time drain_until, Environment::Task done) {
  stopped_handlers_.push_back(std::move(done));
  if (drain_until_) return;
  drain_until_ = drain_until;
  listener_->close();
  for (const LinkPtr& link : std::vector<LinkPtr>(incoming_)) link->close(Errc::stopping);
  for (auto& [name, peer] : peers_) {
    if (peer.dialling) peer.dialling->close(Errc::stopping);
    if (peer.relaying) peer.relaying->close(Errc::stopping);
  }
  // Whom we relay between finds another way while we drain.
  announce_reach();
  relay_.close_all(Errc::stopping);
  go_on_stopping(environment_.now());
}

void Mesh::go_on_stopping(Time now) {
  bool linked = false;
  bool relayed = false;
  bool pending = false;
  for (auto& [name, peer] : peers_) {
    if (!peer.link) continue;
    linked = true;
    relayed = relayed || peer.link->is_relayed() || !peer.link->carrier()->idle();
    if (peer.unreachable) continue;
    pending = pending || node_.owners.owner(*peer.ref).outbox.backlog().messages > 0;
    for (std::size_t table = 0; table < node_.tables.size(); ++table) {
      if (acked_by(peer, table) < node_.tables[table]->position()) pending = true;
    }
  }
  if (!leaving_ && (!pending || now >= *drain_until_)) {
    leaving_ = true;
    drain_until_ = now + farewell_max;
    for (auto& [name, peer] : peers_) {
      if (peer.link && peer.link->is_relayed()) say_goodbye(*peer.link);
    }
  }
  // Then those that carry the words of the others.
  if (leaving_ && !left_ && (!relayed || now >= *drain_until_ - farewell_max / 2)) {
    left_ = true;
    for (auto& [name, peer] : peers_) {
      if (peer.link && !peer.link->is_relayed()) say_goodbye(*peer.link);
    }
  }
  if (!leaving_ || (linked && now < *drain_until_)) return;
  running_ = false;
  for (auto& [name, peer] : peers_) {
    if (peer.ref) hand_back(*peer.ref);
    if (peer.link) peer.link->close(Errc::stopped);
  }
  auto ended = std::make_shared<std::vector<TableCore::EndedWait>>();
  for (auto& table : node_.tables) table->fail_waits(Errc::stopped, *ended);
  {
    std::lock_guard lock(joined_mutex_);
    stopped_ = true;
  }
  joined_changed_.notify_all();
  environment_.finish([ended = std::move(ended), handlers = std::exchange(stopped_handlers_, {})] {
    for (auto& wait : *ended) wait.done(wait.error);
    for (const auto& handler : handlers) handler();
  });
}

void Mesh::say_goodbye(Link& link) {
  link.outflow().control(FrameKind::leave, {});
  link.finish();
}

// In slices with pauses in between: nobody waits for the memory, but heartbeats and messages do for
// this thread, and readers may for the lock of a shard if the kernel takes the processor from a
// thread that has long been busy.
void Mesh::sweep_some() {
  constexpr auto pause = 1ms;
  constexpr std::size_t shards_max = 16;
  constexpr std::uint64_t records_max = 4096;
  std::uint64_t records = 0;
  for (std::size_t shard = 0; shard < shards_max && records < records_max && !sweeps_.empty();
       ++shard) {
    Sweep& sweep = sweeps_.front();
    if (sweep.table == node_.tables.size()) {
      sweeps_.pop_front();
      continue;
    }
    records += node_.tables[sweep.table]->drop_shard(sweep.ref, sweep.shard);
    if (++sweep.shard == TableCore::shard_count) {
      sweep.shard = 0;
      ++sweep.table;
    }
  }
  if (!sweeps_.empty()) environment_.after(pause, [this] { sweep_some(); });
}

void Mesh::finish_sweep(NodeRef ref) {
  for (Sweep& sweep : sweeps_) {
    if (sweep.ref != ref) continue;
    for (; sweep.table < node_.tables.size(); ++sweep.table, sweep.shard = 0) {
      for (; sweep.shard < TableCore::shard_count; ++sweep.shard) {
        node_.tables[sweep.table]->drop_shard(ref, sweep.shard);
      }
    }
  }
}

}  // namespace replication
