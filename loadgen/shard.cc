#include "loadgen/shard.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cassert>
#include <future>

#include "xmpp/date_time.h"
#include "xmpp/namespaces.h"

namespace loadgen {
namespace {

constexpr Micros publish_every{100'000};
constexpr Micros turn_max{10'000};
// Nearer due times are served together: one wake-up a message would cost more than the message.
constexpr Micros turn_min{250};
constexpr std::size_t due_a_turn = 4096;
constexpr std::size_t reasons_max = 24;

}  // namespace

Shard::Shard(ShardOptions options, TargetList& targets)
    : options_(std::move(options)),
      targets_(targets),
      salted_keys_(make_salted_keys()),
      random_(options_.seed * 1000003 + options_.shard),
      pairs_(*this, random_),
      audit_(options_.run, {[this](std::uint32_t client) { return clients_[client]->bare_jid(); },
                            [this](std::uint32_t client) {
                              const auto& target = clients_[client]->target();
                              return target ? target->name : std::string();
                            }}),
      archives_(audit_, *this) {
  audit_.number_flows(static_cast<std::uint32_t>(options_.shard),
                      static_cast<std::uint32_t>(options_.shards));
  const auto pairs = options_.accounts.size() / 2;
  for (auto pair = options_.shard; pair < pairs; pair += options_.shards) {
    for (const auto index : {2 * pair, 2 * pair + 1}) {
      const auto number = static_cast<std::uint32_t>(clients_.size());
      clients_.push_back(std::make_unique<Client>(poller_, *this, options_.client, number,
                                                  options_.accounts[index]));
      clients_.back()->flow = audit_.add_flow(number, number ^ 1U);
    }
    pairs_.add();
  }
  options_.accounts.clear();
  options_.accounts.shrink_to_fit();
}

Shard::~Shard() { stop(); }

Result<void> Shard::start(std::chrono::steady_clock::time_point zero) {
  auto context = make_ssl_context(options_.client.tls);
  if (context.has_error()) return context.error();
  ssl_context_ = std::move(*context);
  zero_ = zero;
  thread_ = std::thread([this] { run(); });
  return {};
}

void Shard::stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  poller_.post([] {});
  thread_.join();
}

void Shard::set_rate(double messages_per_second) {
  poller_.post([this, messages_per_second] {
    rate_ = messages_per_second;
    next_due_ = Micros(-1);
  });
}

void Shard::set_sessions(std::size_t count, double logins_per_second) {
  poller_.post(
      [this, count, logins_per_second] { pairs_.set_wanted(count / 2, logins_per_second / 2); });
}

void Shard::set_churn(double pairs_per_second) {
  poller_.post([this, pairs_per_second] { pairs_.set_churn(pairs_per_second); });
}

void Shard::finish_sending() {
  poller_.post([this] {
    sending_ = false;
    pairs_.set_churn(0);
  });
}

void Shard::call(const std::function<void()>& work) {
  std::promise<void> done;
  poller_.post([&] {
    work();
    publish(now());
    done.set_value();
  });
  done.get_future().wait();
}

void Shard::read_archives() {
  call([this] {
    std::vector<ArchiveReader::Owner> owners;
    for (const auto& client : clients_) {
      const auto other = clients_[client->index() ^ 1U]->flow;
      if (audit_.taken(client->flow) + audit_.taken(other) == 0) continue;
      owners.push_back({.client = client->index(), .flows = {client->flow, other}});
    }
    // The servers' clocks may differ from ours by a few minutes.
    const auto since = std::chrono::system_clock::now() - now() - std::chrono::minutes(10);
    archives_.begin(std::move(owners),
                    xmpp::date_time(static_cast<std::uint64_t>(
                        std::chrono::duration_cast<Micros>(since.time_since_epoch()).count())));
  });
}

void Shard::conclude() {
  call([this] {
    for (const auto& client : clients_) {
      client->visit_open([&](const Outgoing& one) {
        // Written, its connection gone, and not written again: nobody knows. On a live stream the
        // server had the whole settle phase to acknowledge it.
        if (one.is_message && (one.again || !client->is_online())) audit_.on_in_doubt(one.key);
      });
    }
    audit_.conclude(now());
  });
}

Snapshot Shard::take() {
  const std::lock_guard lock(mutex_);
  Snapshot result = published_;
  published_.clear_histograms();
  return result;
}

std::vector<Offender> Shard::offenders() {
  const std::lock_guard lock(mutex_);
  return offenders_;
}

Micros Shard::now() {
  return std::chrono::duration_cast<Micros>(std::chrono::steady_clock::now() - zero_);
}

void Shard::run() {
  // On time before all else, where the system allows it: on a machine that it shares with the
  // servers, a generator that waits for its turn behind them measures itself. It blocks most of the
  // time, and the kernel bounds what real-time threads take; what lateness remains shows as lag.
  sched_param priority{};
  priority.sched_priority = 1;
  pthread_setschedparam(pthread_self(), SCHED_RR, &priority);
  while (!stopping_.load()) {
    const auto at = now();
    send_due(at);
    run_timers(at);
    pairs_.turn(at);
    archives_.turn(at);
    flush_dirty();
    if (at - published_at_ >= publish_every) publish(at);
    auto wake = at + turn_max;
    if (next_due_.count() >= 0) wake = std::min(wake, next_due_);
    if (!timers_.empty()) wake = std::min(wake, timers_.top().when);
    poller_.turn(std::clamp(wake - now(), turn_min, turn_max));
    flush_dirty();
  }
  for (const auto& client : clients_) client->leave();
  flush_dirty();
  // The goodbye is a courtesy: the servers see the close either way.
}

Micros Shard::next_gap() {
  const double even = 1e6 / rate_;
  if (options_.arrivals == Arrivals::even) return Micros(static_cast<std::int64_t>(even));
  std::exponential_distribution<double> gap(1.0);
  return Micros(static_cast<std::int64_t>(even * gap(random_)));
}

void Shard::send_due(Micros now) {
  if (!sending_ || rate_ <= 0 || pairs_.active().empty()) {
    next_due_ = Micros(-1);
    return;
  }
  if (next_due_.count() < 0) next_due_ = now;
  for (std::size_t i = 0; i < due_a_turn && next_due_ <= now; ++i) {
    // Even arrivals take turns; Poisson ones fall on anybody.
    const auto at = options_.arrivals == Arrivals::even ? cursor_++ : random_();
    const auto pair = pairs_.active()[at / 2 % pairs_.active().size()];
    send_on(2 * pair + static_cast<std::uint32_t>(at % 2), next_due_, now);
    next_due_ += next_gap();
  }
}

void Shard::send_on(std::uint32_t index, Micros due, Micros now) {
  Client& client = *clients_[index];
  ++local_.offered;
  local_.lag.record(now - due);
  if (options_.model == Model::closed && audit_.open(client.flow) + client.outbox() > 0) {
    ++local_.held;
    return;
  }
  if (client.outbox() >= options_.client.outbox_max) {
    ++local_.overflowed;
    return;
  }
  [[maybe_unused]] const bool taken =
      client.send({.key = audit_.take_next(client.flow), .due = due});
  assert(taken);
}

void Shard::run_timers(Micros now) {
  while (!timers_.empty() && timers_.top().when <= now) {
    const Timer timer = timers_.top();
    timers_.pop();
    Client& client = *clients_[timer.client];
    if (client.timer_turn == timer.turn) client.on_timer();
  }
}

void Shard::set_timer(Client& client, Micros when) {
  ++client.timer_turn;
  if (when == Micros::max()) return;
  timers_.push({when, client.index(), client.timer_turn});
}

void Shard::enter(std::size_t pair) {
  clients_[2 * pair]->enter();
  clients_[2 * pair + 1]->enter();
}

void Shard::leave(std::size_t pair) {
  clients_[2 * pair]->leave();
  clients_[2 * pair + 1]->leave();
}

bool Shard::is_online(std::size_t pair) const {
  return clients_[2 * pair]->is_online() && clients_[2 * pair + 1]->is_online();
}

bool Shard::is_away(std::size_t pair) const {
  return clients_[2 * pair]->is_away() && clients_[2 * pair + 1]->is_away();
}

bool Shard::is_quiet(std::size_t pair) const {
  for (const auto index : {2 * pair, 2 * pair + 1}) {
    const Client& client = *clients_[index];
    if (audit_.open(client.flow) + client.outbox() + client.unacked() > 0) return false;
  }
  return true;
}

void Shard::flush_dirty() {
  // A flush may fail and make its client say goodbye on nothing: the list may grow meanwhile.
  for (std::size_t i = 0; i < dirty_.size(); ++i) dirty_[i]->flush();
  dirty_.clear();
}

std::shared_ptr<Target> Shard::choose_target(Client& client) {
  // Every second pair starts on one node, so that half of the traffic crosses nodes.
  const auto& partner = *clients_[client.index() ^ 1U];
  const bool together = (client.index() / 2) % 2 == 1 && !client.entered_before;
  return targets_.choose_or(together ? partner.target() : nullptr, now());
}

std::shared_ptr<Target> Shard::find_target(const std::string& host_port) {
  return targets_.find(host_port);
}

void Shard::write_message(const Outgoing& message, std::string& xml) {
  const auto id = message_id(options_.run, message.key);
  // The size follows from the key, so that a message sent again is the same one.
  const auto spread = options_.body.high - options_.body.low + 1;
  const auto mixed = (message.key.flow * 2654435761U) ^ (message.key.seq * 40503U);
  const auto body = message_body(id, message.due, options_.body.low + mixed % spread);
  const auto& to = *clients_[audit_.recipient(message.key.flow)];
  xml.append("<message type='chat' id='").append(id).append("' to='");
  xml.append(xmpp::escape_attr(to.bare_jid())).append("'><body>");
  xml.append(xmpp::escape_text(body)).append("</body></message>");
  if (message.resumed) return audit_.on_written_anew();
  audit_.on_written(message.key, message.again);
}

TargetCounts& Shard::counts_of(const Client& client) {
  const auto index = client.target()->index;
  if (index >= local_.targets.size()) local_.targets.resize(index + 1);
  return local_.targets[index];
}

void Shard::on_online(Client& client, Micros took, bool resumed) {
  ++(resumed ? local_.resumed : local_.logins);
  ++local_.online;
  (resumed ? local_.resume : local_.login).record(took);
  TargetCounts& counts = counts_of(client);
  ++counts.online;
  ++counts.logins;
  if (client.entered_before) {
    if (!resumed) {
      audit_.on_sender_stream(client.flow);
      audit_.on_recipient_stream(clients_[client.index() ^ 1U]->flow);
    }
    const bool is_active = pairs_.is_active(client.index() / 2);
    if (is_active) local_.offline.record(now() - client.offline_since());
  }
  client.entered_before = true;
  pairs_.on_online(client.index() / 2);
}

void Shard::on_ended(Client& client, Ending ending, std::string_view reason) {
  if (client.has_session() && !client.has_stream_management()) audit_.on_sender_lost(client.flow);
  switch (ending) {
    case Ending::failed:
      ++local_.failed_logins;
      return count_reason(reason);
    case Ending::forced:
      ++local_.forced;
      count_reason(reason);
      break;
    case Ending::wanted:
      break;
  }
  if (client.has_session()) {
    --local_.online;
    --counts_of(client).online;
  }
}

void Shard::count_reason(std::string_view reason) {
  auto found = local_.reasons.find(std::string(reason));
  if (found == local_.reasons.end() && local_.reasons.size() >= reasons_max) reason = "other";
  ++local_.reasons[std::string(reason)];
}

void Shard::on_message(Client& client, const xmpp::Stanza& stanza) {
  const auto root = stanza.root();
  if (stanza.type() == "error") return audit_.on_bounce(client.index(), stanza.id(), now());
  if (const auto archived = root.child("result", xmpp::ns::archive)) {
    return archives_.on_result(client.index(), archived);
  }
  const auto body = root.child("body", "jabber:client");
  if (!body) return;  // Chat states and the like are none of ours.
  const auto at = now();
  const auto verdict =
      audit_.on_message(client.index(), stanza.id(), stanza.from(), body.text(), at);
  if (!verdict.first) return;
  ++local_.received;
  const auto took = at - verdict.due;
  local_.delivery.record(took);
  counts_of(client).delivery.record(took);
  const Client& sender = *clients_[audit_.sender(verdict.key.flow)];
  if (!sender.target()) return;
  (sender.target() == client.target() ? local_.within : local_.across).record(took);
}

void Shard::on_answer(Client& client, const xmpp::Stanza& iq) {
  archives_.on_answer(client.index(), iq, now());
}

void Shard::on_acknowledged(const Outgoing& message) {
  local_.ack.record(now() - message.due);
  audit_.on_acknowledged(message.key);
}

void Shard::on_in_doubt(const Outgoing& message) { audit_.on_in_doubt(message.key); }

void Shard::publish(Micros now) {
  published_at_ = now;
  local_.waiting = 0;
  local_.unacked = 0;
  for (const auto& client : clients_) {
    local_.waiting += client->outbox();
    local_.unacked += client->unacked();
  }
  local_.archives_left = archives_.left();
  local_.archives_read = archives_.done();
  local_.archives_given_up = archives_.given_up();
  local_.archived = archives_.entries();
  local_.wanted = 2 * pairs_.entered();
  local_.churned = pairs_.churned();
  local_.audit = audit_.counts();
  const std::lock_guard lock(mutex_);
  // Totals replace; histograms add to what was not taken yet.
  Snapshot next = local_;
  next.add_histograms(published_);
  published_ = std::move(next);
  offenders_ = audit_.offenders();
  local_.clear_histograms();
}

}  // namespace loadgen
