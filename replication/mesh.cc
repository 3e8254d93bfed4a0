#include "replication/mesh.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <cassert>
#include <utility>

#include "replication/wire.h"

namespace replication {
namespace {

using namespace std::chrono_literals;

// How long a leaving node waits for its peers to close their side after its goodbye.
constexpr auto farewell_max = 300ms;

}  // namespace

Mesh::Mesh(NodeState& node)
    : node_(node),
      options_(node.options),
      io_(1),
      work_(io_.get_executor()),
      acceptor_(io_),
      timer_(io_),
      // Fine enough for half a heartbeat; 20 times a second costs an idle node nothing to speak of.
      tick_every_(std::clamp(options_.heartbeat / 5, 5ms, 50ms)),
      random_(std::random_device{}()) {}

Mesh::~Mesh() {
  if (!thread_.joinable()) return;
  io_.stop();
  thread_.join();
}

Result<void> Mesh::start() {
  ErrorCode error;
  auto address = asio::ip::make_address(options_.listen_host, error);
  if (error) return error;
  const Tcp::endpoint endpoint(address, options_.listen_port);
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(Tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (!error) listen_port_ = acceptor_.local_endpoint(error).port();
  if (error) {
    ErrorCode ignored;  // The first fault is the one to tell.
    acceptor_.close(ignored);
    return error;
  }
  running_ = true;
  last_tick_ = Clock::now();
  accept();
  tick();
  thread_ = std::thread([this] { run(); });
  return {};
}

void Mesh::run() {
  io_.run();
  {
    std::lock_guard lock(joined_mutex_);
    stopped_ = true;
  }
  joined_changed_.notify_all();
}

void Mesh::stop(std::chrono::milliseconds drain) {
  if (!thread_.joinable()) return;
  assert(std::this_thread::get_id() != thread_.get_id());
  asio::post(io_, [this, until = Clock::now() + drain] { begin_stop(until); });
  thread_.join();
}

bool Mesh::wait_joined(Deadline deadline) const {
  std::unique_lock lock(joined_mutex_);
  joined_changed_.wait_until(lock, deadline, [this] { return joined_ || stopped_; });
  return joined_;
}

void Mesh::wake() {
  if (!running_.load(std::memory_order_acquire)) return;
  if (wake_pending_.exchange(true)) return;
  asio::post(io_, [this] {
    wake_pending_ = false;
    pump();
  });
}

void Mesh::pump() {
  for (auto& table : node_.tables) table->resolve_pending_conflicts();
  for (auto& [name, peer] : peers_) {
    if (peer.link) peer.link->pump();
  }
  settle_waits(Clock::now());
}

void Mesh::settle_waits(Time now) {
  for (std::size_t table = 0; table < node_.tables.size(); ++table) {
    Position acked = node_.tables[table]->position();
    for (auto& [name, peer] : peers_) {
      if (!peer.counted) continue;
      if (peer.link) {
        auto at = peer.link->outflow().acked(table);
        if (at.known) acked = std::min(acked, at.position);
      } else if (table < peer.acked.size()) {
        acked = std::min(acked, peer.acked[table]);  // Between two links.
      }
    }
    node_.tables[table]->settle_waits(acked, now);
  }
}

void Mesh::accept() {
  accepting_ = true;
  acceptor_.async_accept([this](ErrorCode error, Tcp::socket socket) {
    accepting_ = false;
    if (drain_until_ || !acceptor_.is_open()) return;
    // Out of descriptors, perhaps: the next tick tries again, and nothing spins meanwhile.
    if (error) return;
    if (incoming_.size() < options_.handshakes_max) {
      LinkPtr link = new_link(Role::acceptor, {});
      incoming_.insert(link);
      link->accept(std::move(socket));
    } else {
      refusals_.with([](RefusalCounts& counts) { ++counts.others; });
    }
    accept();
  });
}

void Mesh::tick() {
  const Time now = Clock::now();
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
  const std::vector<LinkPtr> unproven(incoming_.begin(), incoming_.end());
  for (const LinkPtr& link : unproven) {
    if (now - link->begun() > options_.hello_max) link->close(Errc::hello_timeout);
  }
  for (auto& [name, peer] : peers_) look_after(peer, now);
  std::erase_if(peers_, [](const auto& entry) {
    const Peer& peer = entry.second;
    return !peer.listed && !peer.ref && !peer.link && !peer.dialling;
  });
  if (drain_until_) go_on_stopping(now);
  pump();
  publish_now();
  timer_.expires_after(tick_every_);
  timer_.async_wait([this](ErrorCode error) {
    if (!error) tick();
  });
}

void Mesh::look_after(Peer& peer, Time now) {
  if (peer.link) {
    peer.last_heard = std::max(peer.last_heard, peer.link->last_heard);
    if (now - peer.link->last_ping >= options_.heartbeat) {
      peer.link->last_ping = now;
      std::string stamp;
      put_number(monotonic_stamp(), stamp);
      peer.link->outflow().control(FrameKind::ping, stamp);
    }
    watch_lag(peer, now);
  } else if (now - peer.last_heard > options_.lag_max) {
    peer.counted = false;
  }
  if (peer.ref && !peer.unreachable && now - peer.last_heard > options_.silence_max) {
    mark_unreachable(peer, peer.link ? make_error_code(Errc::silent) : peer.last_error);
  }
  if (peer.ref && now - peer.last_heard > options_.forget_after) gone(peer, Errc::forgotten);
  if (peer.dialling) {
    auto limit = peer.dialling->connected() ? options_.hello_max : options_.connect_max;
    if (now - peer.dialling->begun() > limit) peer.dialling->close(Errc::hello_timeout);
  } else if ((!peer.link || peer.unreachable) && now >= peer.next_dial) {
    dial(peer);
  }
}

void Mesh::watch_lag(Peer& peer, Time now) {
  bool behind = false;
  bool progress = false;
  peer.acked.resize(node_.tables.size());
  for (std::size_t table = 0; table < node_.tables.size(); ++table) {
    auto at = peer.link->outflow().acked(table);
    if (!at.known) continue;
    if (at.position < node_.tables[table]->position()) behind = true;
    if (at.position > peer.acked[table]) progress = true;
    peer.acked[table] = at.position;
  }
  if (progress || !behind) peer.last_progress = now;
  if (!peer.ready && !peer.counted) return;
  bool lagging = now - peer.last_progress > options_.lag_max;
  if (lagging && !peer.lagging) {
    peer.lagging = true;
    peer.counted = false;
    node_.events.lagging(node_.owners.id(*peer.ref), true);
  } else if (peer.lagging && !behind) {
    peer.lagging = false;
    peer.counted = true;
    node_.events.lagging(node_.owners.id(*peer.ref), false);
  }
}

void Mesh::set_peers(std::vector<PeerAddress> peers) {
  asio::post(io_, [this, peers = std::move(peers)] { apply_peers(peers); });
}

void Mesh::apply_peers(const std::vector<PeerAddress>& listed) {
  if (drain_until_) return;
  peers_set_ = true;
  for (auto& [name, peer] : peers_) {
    bool still = std::any_of(listed.begin(), listed.end(),
                             [&](const PeerAddress& address) { return address.name == name; });
    if (!still) peer.listed.reset();
  }
  for (const PeerAddress& address : listed) {
    if (address.name == node_.id.name || address.name.empty()) continue;
    Peer& known = peer(address.name);
    if (known.listed == address) continue;
    known.listed = address;
    known.next_dial = {};
    known.backoff = options_.backoff_min;
    if (!known.link && !known.dialling) dial(known);
  }
  publish();
}

void Mesh::begin_stop(Time drain_until) {
  if (drain_until_) return;
  drain_until_ = drain_until;
  ErrorCode ignored;  // It is closed either way.
  acceptor_.close(ignored);
  for (const LinkPtr& link : std::set<LinkPtr>(incoming_)) link->close(Errc::stopping);
  for (auto& [name, peer] : peers_) {
    if (peer.dialling) peer.dialling->close(Errc::stopping);
  }
  go_on_stopping(Clock::now());
}

void Mesh::go_on_stopping(Time now) {
  bool linked = false;
  bool pending = false;
  for (auto& [name, peer] : peers_) {
    if (!peer.link) continue;
    linked = true;
    if (peer.unreachable) continue;
    pending = pending || node_.owners.owner(*peer.ref).outbox.backlog().messages > 0;
    for (std::size_t table = 0; table < node_.tables.size(); ++table) {
      auto at = peer.link->outflow().acked(table);
      if (at.known && at.position < node_.tables[table]->position()) pending = true;
    }
  }
  if (!leaving_ && (!pending || now >= *drain_until_)) {
    leaving_ = true;
    drain_until_ = now + farewell_max;
    for (auto& [name, peer] : peers_) {
      if (!peer.link) continue;
      peer.link->outflow().control(FrameKind::leave, {});
      peer.link->finish();
    }
  }
  if (!leaving_ || (linked && now < *drain_until_)) return;
  running_ = false;
  for (auto& [name, peer] : peers_) {
    if (peer.ref) hand_back(*peer.ref);
    if (peer.link) peer.link->close(Errc::stopped);
  }
  for (auto& table : node_.tables) table->fail_waits(Errc::stopped);
  io_.stop();
}

void Mesh::sweep_some() {
  // A slice is short, so that heartbeats and messages pass between two of them.
  for (int slice = 0; slice < 16 && !sweeps_.empty(); ++slice) {
    Sweep& sweep = sweeps_.front();
    if (sweep.table == node_.tables.size()) {
      sweeps_.pop_front();
      continue;
    }
    node_.tables[sweep.table]->drop_shard(sweep.ref, sweep.shard);
    if (++sweep.shard == TableCore::shard_count) {
      sweep.shard = 0;
      ++sweep.table;
    }
  }
  if (!sweeps_.empty()) asio::post(io_, [this] { sweep_some(); });
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
