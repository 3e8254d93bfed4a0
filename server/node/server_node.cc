#include "server/node/server_node.h"

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <thread>
#include <utility>

#include "server/log/log.h"
#include "server/node/registry_backend.h"
#include "server/roster/roster.h"
#include "xmpp/sasl/scram.h"

namespace server {
namespace {

constexpr auto join_check_interval = std::chrono::milliseconds(20);

std::int64_t seconds_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::size_t half_the_cores() {
  return std::max<std::size_t>(1, std::thread::hardware_concurrency() / 2);
}

// The other half is for the kernel's share of the network, the links, the database's threads and,
// for the time of a hash, the pool below. A loop that sleeps is dear to wake: design 0013.
std::size_t loop_count(const Config& config) {
  return config.loops > 0 ? config.loops : half_the_cores();
}

BlockingPoolOptions hashing_options() {
  BlockingPoolOptions options;
  options.threads = half_the_cores();
  return options;
}

RosterLimits roster_limits(const Config& config) {
  RosterLimits limits;
  limits.items_max = config.limits.roster_items_max;
  limits.requests_max = config.limits.roster_requests_max;
  return limits;
}

/// A secret for one purpose, the same on every node that shares that of the cluster; where there is
/// none, for this process alone.
std::string secret_for(std::string_view purpose, const ServerNode::Options& options) {
  if (options.peer_secret.is_empty()) return xmpp::random_bytes(32);
  return "meerkat " + std::string(purpose) + " " + options.peer_secret.reveal();
}

std::chrono::seconds token_lifetime(const Config& config) {
  return std::chrono::duration_cast<std::chrono::seconds>(config.limits.login_token_time);
}

}  // namespace

ServerNode::ServerNode(asio::io_context& control, const Config& config, Options options,
                       std::unique_ptr<Storage> storage)
    : control_(control),
      config_(config),
      options_(std::move(options)),
      metrics_({options_.version, "unknown"}),
      storage_(std::move(storage)),
      users_(*storage_),
      tokens_(*storage_, xmpp::Secret(secret_for("login tokens", options_)),
              token_lifetime(config)),
      offline_(*storage_, {config.offline.messages_max, config.offline.bytes_max},
               [this](const std::string& holder) { return is_alive(holder); }),
      archive_(*storage_, Roster::contacts_in, config.archive.expire_after),
      documents_(*storage_),
      hashing_(hashing_options()),
      cluster_(config,
               {options_.version, options_.peer_secret, options_.mysql_password,
                start_stamp(config, options_.mysql_password), options_.peer_tls},
               metrics_, events_),
      directory_(cluster_.node()),
      router_(config.domains, directory_, cluster_.node()),
      blocks_(documents_, directory_, router_, {.jids_max = config.limits.blocked_jids_max}),
      rosters_(documents_, router_, blocks_, roster_limits(config)),
      accounts_(users_, rosters_, router_),
      last_activities_(documents_),
      pep_(documents_, rosters_, blocks_, router_),
      modules_{.version = options_.version,
               .users = users_,
               .hashing = hashing_,
               .documents = documents_,
               .rosters = rosters_,
               .blocks = blocks_,
               .accounts = accounts_,
               .last_activities = last_activities_,
               .directory = directory_,
               .router = router_,
               .pep = pep_,
               .archive = config.archive.enabled ? &archive_ : nullptr,
               .archive_page_max = config.archive.page_max},
      streams_{.config = config,
               .users = users_,
               .hashing = hashing_,
               .session = {directory_, router_, rosters_, blocks_, last_activities_, pep_, caps_,
                           handlers_, config.limits.resume_time}},
      second_(control) {
  streams_.tls.store(options_.tls);
  // Unknown accounts get the same salts on every node (hardening P14).
  streams_.fake_salt_secret = secret_for("fake salts", options_);
  if (token_lifetime(config).count() > 0) streams_.tokens = &tokens_;
  streams_.accepts_sessions.store(false);
  if (config.registration.enabled) {
    streams_.register_account = [this](const xmpp::Stanza& iq, std::string domain, auto reply,
                                       asio::any_io_executor home) {
      register_before_login(modules_, iq, std::move(domain), std::move(reply), std::move(home));
    };
  }
  add_modules(handlers_, modules_);
  for (std::size_t index = 0; index < loop_count(config); ++index) {
    loops_.push_back(std::make_unique<RoutedLoop>(index));
    listeners_.push_back(std::make_unique<ClientListener>(*loops_.back(), streams_));
    busy_.push_back(std::make_unique<BusyRatio>());
    metrics_.add_loop(loops_.back()->counters);
    if (config.archive.enabled) {
      loops_.back()->archive =
          std::make_unique<ArchiveDesk>(loops_.back()->loop, loops_.back()->counters, archive_);
    }
    loops_.back()->settlement = std::make_unique<Settlement>(router_, *loops_.back(), offline_,
                                                             holder_of(cluster_.node_id()));
  }
  if (config.archive.expire_after.count() > 0) {
    expiry_ = std::make_unique<ArchiveExpiry>(
        loops_[0]->loop, loops_[0]->counters, archive_,
        ArchiveExpiry::Options{config.archive.expire_after, [this] { return is_first(); }});
  }
  metrics_.add_loop(router_.link_counters());
  router_.set_loops(loops_);
  for (const auto& loop : loops_) {
    moves_.push_back(std::make_unique<SessionMoves>(
        *loop, streams_.session, [this] { return streams_.accepts_sessions.load(); }));
    streams_.moves.push_back(moves_.back().get());
  }
  watch_ = std::make_unique<NodeWatch>(cluster_.node(), directory_, loops_);
  cluster_.on_peer_joined([this](const replication::NodeId& peer) { watch_->peer_joined(peer); });
  directory_.on_displaced([this](const SessionAddress& address) { router_.displace(address); });
  cluster_.node().on_message([this](replication::NodeRef from, std::string_view payload) {
    router_.on_arrival(from, payload);
  });
  cluster_.on_peer_gone([this](const replication::NodeId& peer) { take_over_from(peer); });
  cluster_.node().on_undelivered(
      [this](replication::NodeRef, std::string payload) { router_.on_undelivered(payload); });
  cluster_.on_name_refused([this](std::string why) {
    asio::post(control_, [this, why = std::move(why)] { give_up_name(why); });
  });
  observe_metrics();
}

ServerNode::~ServerNode() = default;

std::optional<std::string> ServerNode::start() {
  if (config_.listen.websocket) {
    return "[listen] websocket: this release has no WebSocket yet; set it to \"off\"";
  }
  set_state(State::starting);
  AdminServerOptions admin;
  admin.health = config_.listen.health;
  admin.admin = config_.listen.admin;
  admin.token = options_.admin_token;
  admin_ = std::make_unique<AdminServer>(std::move(admin), *this, metrics_);
  if (const auto opened = admin_->start(); !opened) {
    return "cannot listen on " + to_string(opened.error().endpoint) + ": " + opened.error().reason;
  }
  // The ports are taken before the node joins: a node that could serve nobody must not be listed.
  if (auto fault = open_client_listeners()) {
    admin_->stop();
    return fault;
  }
  if (auto fault = cluster_.start()) {
    admin_->stop();
    return fault;
  }
  for (std::size_t index = 0; index < loops_.size(); ++index) {
    loops_[index]->loop.start();
    loops_[index]->loop.post([busy = busy_[index].get()] { busy->watch_this_thread(); });
  }
  if (expiry_) expiry_->start();
  set_state(State::joining);
  wait_until_joined();
  return std::nullopt;
}

std::optional<std::string> ServerNode::open_client_listeners() {
  const auto open = [this](const std::optional<Endpoint>& endpoint,
                           ClientStream::Transport transport) -> std::optional<std::string> {
    if (!endpoint) return std::nullopt;
    // SO_REUSEPORT would let two processes share a port by mistake: one socket without it first.
    boost::system::error_code error;
    asio::io_context probe_context;
    asio::ip::tcp::acceptor probe(probe_context);
    const auto address = asio::ip::make_address(endpoint->host, error);
    const asio::ip::tcp::endpoint at(address, endpoint->port);
    if (!error) probe.open(at.protocol(), error);
    if (!error) probe.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) probe.bind(at, error);
    if (!error) probe.listen(1, error);
    probe.close();
    for (auto& listener : listeners_) {
      if (!error) error = listener->open(*endpoint, transport);
    }
    if (!error) return std::nullopt;
    return "cannot listen on " + to_string(*endpoint) + ": " + error.message();
  };
  if (auto fault = open(config_.listen.c2s, ClientStream::Transport::starttls)) return fault;
  return open(config_.listen.c2s_tls, ClientStream::Transport::direct_tls);
}

void ServerNode::wait_until_joined() {
  if (state_.load() != State::joining) return;  // It was told to leave before it had joined.
  if (cluster_.joined() && cluster_.is_listed()) {
    set_state(State::ready);
    streams_.accepts_sessions.store(true);
    cluster_.set_state(discovery::NodeState::ready);
    log::event(log::Level::info, "node", "ready",
               {{"peers", cluster_.peers().size()}, {"sessions", directory_.size()}});
    return on_second();
  }
  second_.expires_after(join_check_interval);
  second_.async_wait([this](boost::system::error_code error) {
    if (!error) wait_until_joined();
  });
}

void ServerNode::on_second() {
  cluster_.publish(report());
  for (std::size_t index = 0; index < loops_.size(); ++index) {
    // How late a loop is with what was posted to it: what a stanza waits, too.
    const auto posted = std::chrono::steady_clock::now();
    RoutedLoop* loop = loops_[index].get();
    loop->loop.post([loop, posted] {
      loop->counters.loop_lag.observe(std::chrono::steady_clock::now() - posted);
    });
    busy_[index]->look();
  }
  second_.expires_after(std::chrono::seconds(1));
  second_.async_wait([this](boost::system::error_code error) {
    if (!error) on_second();
  });
}

void ServerNode::set_state(State state) {
  state_.store(state);
  state_since_.store(seconds_now());
  if (state != State::starting) events_.add(config_.node.name + " is " + state_name());
}

void ServerNode::terminate() {
  asio::post(control_, [this] {
    if (drain_) return drain_->hurry();
    start_drain({}, config_.drain.notice);
  });
}

void ServerNode::start_drain(const DrainOptions& options, std::chrono::milliseconds notice) {
  streams_.accepts_sessions.store(false);
  set_state(State::draining);
  cluster_.set_state(discovery::NodeState::draining);
  cluster_.publish(report());
  Drain::Hooks hooks;
  hooks.sessions = [this] { return sessions_here(); };
  hooks.end = [this](std::uint64_t count) { end_sessions(count); };
  hooks.has_successor = [this] { return successor().has_value(); };
  hooks.done = [this](std::uint64_t left) { on_drained(left); };
  DrainConfig config = config_.drain;
  config.notice = notice;
  auto drain = std::make_unique<Drain>(control_, config_.node.name, config, hooks);
  Drain* started = drain.get();
  {
    std::lock_guard lock(drain_mutex_);
    drain_ = std::move(drain);
  }
  for (std::size_t index = 0; index < loops_.size(); ++index) {
    loops_[index]->loop.post(
        [this, index] { moves_[index]->hand_over_all([this] { return successor(); }); });
  }
  started->start(options);
}

// By name, of the nodes that are ready and reached from here: it does what one does for all. When
// the nodes are apart two may think so.
bool ServerNode::is_first() const {
  if (state_.load() != State::ready) return false;
  return std::ranges::none_of(cluster_.reports(), [this](const auto& other) {
    const auto& [id, report] = other;
    return report.state == "ready" && id < cluster_.node_id() && cluster_.is_reachable(id);
  });
}

// With a stream, or without one and not known to be elsewhere yet.
std::uint64_t ServerNode::sessions_here() const {
  std::int64_t detached = 0;
  for (const auto& loop : loops_) detached += loop->counters.sessions_detached.value();
  return streams_.sessions.load() + static_cast<std::uint64_t>(std::max<std::int64_t>(detached, 0));
}

// Of those that take sessions, any: each is told so by about as many nodes as the next one.
std::optional<replication::NodeRef> ServerNode::successor() {
  std::vector<replication::NodeRef> ready;
  for (const auto& [id, report] : cluster_.reports()) {
    if (id == cluster_.node_id() || report.state != "ready") continue;
    const auto node = cluster_.node().ref(id);
    if (node && cluster_.node().reachable(*node)) ready.push_back(*node);
  }
  if (ready.empty()) return std::nullopt;
  return ready[next_successor_++ % ready.size()];
}

// A node that is not listed is found by nobody, and one that has been replaced is let in by nobody:
// its clients are better off elsewhere, and its operator should know.
void ServerNode::give_up_name(const std::string& why) {
  if (!fault_.empty()) return;
  fault_ = why;
  if (drain_) return;  // It is about to end anyway.
  if (state_.load() == State::ready || state_.load() == State::cordoned) {
    return start_drain({}, std::chrono::milliseconds(0));
  }
  exit_ = Exit::name_taken;
  control_.stop();
}

void ServerNode::end_sessions(std::uint64_t count) {
  const std::string text = "this node is being drained; another one serves you";
  const bool keeps_sessions = successor().has_value();
  const std::uint64_t share = count / loops_.size();
  std::uint64_t extra = count % loops_.size();
  for (std::size_t index = 0; index < loops_.size(); ++index) {
    const std::uint64_t here = share + (extra > 0 ? 1 : 0);
    if (extra > 0) --extra;
    if (here == 0) continue;
    ClientListener* listener = listeners_[index].get();
    LoopCounters* counters = &loops_[index]->counters;
    loops_[index]->loop.post([listener, counters, here, text, keeps_sessions] {
      counters->sessions_drained.add(listener->end_sessions(here, text, keeps_sessions));
    });
  }
}

void ServerNode::on_drained(std::uint64_t left) {
  exit_ = left == 0 ? Exit::clean : Exit::drain_deadline_passed;
  if (!fault_.empty()) exit_ = Exit::name_taken;
  control_.stop();
}

void ServerNode::reload_tls() {
  cluster_.reload_tls();
  if (config_.tls.certificate.empty()) return;
  auto loaded = TlsContext::load(config_.tls.certificate, config_.tls.key);
  if (!loaded) {
    log::event(log::Level::error, "tls", "reload_failed", {{"reason", loaded.error()}});
    return;
  }
  streams_.tls.store(*loaded);
  log::event(log::Level::info, "tls", "reloaded");
}

void ServerNode::stop() {
  second_.cancel();
  for (std::size_t index = 0; index < loops_.size(); ++index) {
    ClientListener* listener = listeners_[index].get();
    loops_[index]->loop.post([listener, moves = moves_[index].get()] {
      listener->close_acceptors();
      listener->close_all();
      moves->stop();
    });
  }
  // What the ended sessions had not acknowledged, and what the links hand back, is stored.
  store_what_is_left();
  cluster_.stop();
  store_what_is_left();
  for (auto& loop : loops_) loop->loop.stop();
  if (admin_) admin_->stop();
  hashing_.stop();
  storage_->stop();
}

}  // namespace server
