#include "benchmarks/replication/replica/replica.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <sstream>
#include <thread>
#include <utility>

#include "benchmarks/replication/replica/line.h"
#include "benchmarks/replication/replica/usage.h"
#include "replication/asio_environment.h"

namespace benchmarks {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using replication::NodeId;
using replication::NodeRef;
using replication::Position;

replication::Deadline in_seconds(double seconds) {
  return Clock::now() + std::chrono::microseconds(static_cast<std::int64_t>(seconds * 1e6));
}

}  // namespace

void Replica::Reporter::tell(const std::string& what, const std::string& who,
                             const std::string& more) {
  if (say_) say_("event " + std::to_string(monotonic_us()) + ' ' + what + ' ' + who + more);
}
void Replica::Reporter::peer_connected(const NodeId& id) { tell("connected", id.name); }
void Replica::Reporter::joined(const NodeId& id, const replication::JoinStats& stats) {
  tell("joined", id.name,
       " records=" + std::to_string(stats.records) + " bytes=" + std::to_string(stats.bytes) +
           " us=" + std::to_string(stats.duration.count()));
}
void Replica::Reporter::peer_unreachable(const NodeId& id, boost::system::error_code why) {
  tell("unreachable", id.name, " why=" + why.message());
  replica_.nudge_listing();
}
void Replica::Reporter::peer_reachable(const NodeId& id) { tell("reachable", id.name); }
void Replica::Reporter::peer_relayed(const NodeId& id, const std::string& via) {
  tell(via.empty() ? "direct" : "relayed", id.name, via.empty() ? "" : " via=" + via);
}
void Replica::Reporter::peer_gone(const NodeId& id, boost::system::error_code why,
                                  std::uint64_t records) {
  tell("gone", id.name, " records=" + std::to_string(records) + " why=" + why.message());
  replica_.nudge_listing();
}
void Replica::Reporter::link_refused(const std::string& who, boost::system::error_code why) {
  tell("refused", who, " why=" + why.message());
}
void Replica::Reporter::resync(const NodeId& id, const std::string&, const std::string& why) {
  tell("resync", id.name, " why=" + why);
}
void Replica::Reporter::lagging(const NodeId& id, bool is) {
  tell(is ? "lagging" : "caught_up", id.name);
}

Replica::Replica(replication::NodeOptions options, replication::TableOptions table_options,
                 std::size_t encoded_bytes, NodeThread node_thread, Say say)
    : encoded_bytes_(encoded_bytes),
      cluster_(options.cluster),
      host_(options.listen_host),
      loop_stays_(loop_.get_executor()),
      events_(std::move(say), *this),
      node_(std::move(options), events_,
            node_thread == NodeThread::own ? replication::asio_environment()
                                           : replication::asio_environment(loop_)),
      sessions_(node_, "sessions", table_options) {}

Replica::~Replica() {
  loop_.stop();
  if (loop_thread_.joinable()) loop_thread_.join();
}

replication::Result<std::uint16_t> Replica::start() {
  auto started = node_.start();
  if (!started) return started.error();
  loop_thread_ = std::thread([this] { loop_.run(); });
  return node_.listen_port();
}

void Replica::list_in(const discovery::MysqlAddress& registry, std::chrono::milliseconds lease) {
  auto listing = std::make_unique<Listing>(registry, lease, cluster_, host_, node_);
  listing_.with([&](auto& mine) { mine = std::move(listing); });
}

void Replica::nudge_listing() {
  listing_.with([](auto& mine) {
    if (mine) mine->nudge();
  });
}

const std::vector<Replica::Command>& Replica::commands() {
  static const std::vector<Command> all = {
      {"peers", &Replica::peers},
      {"joined", &Replica::joined},
      {"put", &Replica::put},
      {"erase", &Replica::erase},
      {"acknowledged", &Replica::acknowledged},
      {"coroutines", &Replica::coroutines},
      {"one_by_one", &Replica::one_by_one},
      {"windowed", &Replica::windowed},
      {"replicated", &Replica::replicated},
      {"find", &Replica::find},
      {"count", &Replica::count},
      {"digest", &Replica::digest},
      {"until_digest", &Replica::until_digest},
      {"until_records", &Replica::until_records},
      {"until_state", &Replica::until_state},
      {"peer", &Replica::peer},
      {"stats", &Replica::stats},
      {"reset_peak", &Replica::reset_peak},
      {"writer", &Replica::writer},
      {"reader", &Replica::reader},
      {"echo", &Replica::echo},
      {"round_trip", &Replica::round_trip},
      {"registry", &Replica::registry},
      {"leave", &Replica::leave},
  };
  return all;
}

std::string Replica::obey(std::string_view line) {
  Words words(line);
  const std::string name = words.text();
  for (const Command& command : commands()) {
    if (command.name == name) return (this->*command.obey)(words);
  }
  return error("there is no command '" + name + "'");
}

std::string Replica::peers(Words& words) {
  std::vector<replication::PeerAddress> peers;
  while (!words.empty()) {
    const std::string word = words.text();
    auto equals = word.find('=');
    auto colon = word.rfind(':');
    if (equals == std::string::npos || colon == std::string::npos || colon < equals) {
      return error("not NAME=HOST:PORT: " + word);
    }
    peers.push_back({word.substr(0, equals), word.substr(equals + 1, colon - equals - 1),
                     static_cast<std::uint16_t>(std::strtoul(&word[colon + 1], nullptr, 10))});
  }
  node_.set_peers(std::move(peers));
  return Answer();
}

std::string Replica::joined(Words& words) {
  const auto begun = Clock::now();
  if (!node_.wait_joined(in_seconds(words.decimal(10)))) return error("not joined");
  return Answer().with_seconds_since(begun);
}

std::string Replica::put(Words& words) {
  const std::uint64_t first = words.number();
  const std::uint64_t count = words.number(1);
  const auto begun = Clock::now();
  Position last = sessions_.position();
  for (std::uint64_t number = first; number < first + count; ++number) {
    auto written =
        sessions_.put(session_key(number), session_record(number, ++serial_, encoded_bytes_));
    if (!written) return error(written.error().message());
    last = *written;
  }
  return Answer().with("position", last).with_seconds_since(begun);
}

std::string Replica::erase(Words& words) {
  const std::uint64_t first = words.number();
  const std::uint64_t count = words.number(1);
  const auto begun = Clock::now();
  Position last = sessions_.position();
  for (std::uint64_t number = first; number < first + count; ++number) {
    last = sessions_.erase(session_key(number));
  }
  return Answer().with("position", last).with_seconds_since(begun);
}

std::string Replica::replicated(Words& words) {
  const Position position = words.number();
  const auto begun = Clock::now();
  auto done = sessions_.wait_replicated(position, in_seconds(words.decimal(10)));
  if (!done) return error(done.error().message());
  return Answer().with_seconds_since(begun);
}

std::string Replica::find(Words& words) {
  std::string owners;
  sessions_.find(session_key(words.number()), [&](NodeRef owner, const Session& session) {
    if (!owners.empty()) owners += ',';
    owners += node_.id(owner).name + ':' + std::to_string(session.changed_at);
  });
  return Answer().with("owners", owners);
}

std::string Replica::count(Words&) {
  std::uint64_t bytes = 0;
  for (const auto& table : node_.tables()) bytes += table.bytes;
  return Answer().with("records", sessions_.size()).with("bytes", bytes);
}

std::optional<NodeRef> Replica::owner(const std::string& name) const {
  if (name == "self" || name == node_.id().name) return replication::self_ref;
  auto status = status_of(name);
  if (!status || status->id.incarnation == 0) return std::nullopt;
  auto ref = node_.ref(status->id);
  if (!ref) return std::nullopt;
  return *ref;
}

std::string Replica::digest(Words& words) {
  auto ref = owner(words.text());
  if (!ref) return error("no such owner");
  auto digest = sessions_.digest(*ref);
  std::ostringstream sum;
  sum << std::hex << digest.sum;
  return Answer().with("records", digest.records).with("sum", sum.str());
}

std::string Replica::until(double seconds, const std::function<bool()>& holds) const {
  const auto begun = Clock::now();
  const auto deadline = in_seconds(seconds);
  while (!holds()) {
    if (Clock::now() >= deadline) return error("not so in time");
    std::this_thread::sleep_for(200us);
  }
  return Answer().with_seconds_since(begun);
}

std::string Replica::until_digest(Words& words) {
  const std::string name = words.text();
  const std::uint64_t records = words.number();
  const std::uint64_t sum = std::strtoull(words.text().c_str(), nullptr, 16);
  return until(words.decimal(10), [&] {
    auto ref = owner(name);
    return ref && sessions_.digest(*ref) == replication::Digest{records, sum};
  });
}

std::string Replica::until_records(Words& words) {
  const std::uint64_t records = words.number();
  return until(words.decimal(10), [&] { return sessions_.size() == records; });
}

std::optional<replication::PeerStatus> Replica::status_of(const std::string& name) const {
  for (auto& status : node_.peers()) {
    if (status.id.name == name) return status;
  }
  return std::nullopt;
}

std::string Replica::until_state(Words& words) {
  const std::string name = words.text();
  const std::string state = words.text();
  return until(words.decimal(10), [&] {
    auto status = status_of(name);
    return status && replication::to_string(status->state) == state;
  });
}

std::string Replica::peer(Words& words) {
  auto status = status_of(words.text());
  if (!status) return error("no such peer");
  std::uint64_t lag = 0, records = 0;
  for (const auto& table : status->tables) {
    lag += table.lag;
    records += table.records;
  }
  return Answer()
      .with("state", replication::to_string(status->state))
      .with("lag", lag)
      .with("records", records)
      .with("resyncs", status->resyncs)
      .with("round_trip_us", status->round_trip.count())
      .with("ack_us", status->ack_latency.count())
      .with("ack_longest_us", status->ack_latency_max.count())
      .with("error", status->last_error ? status->last_error.message() : "");
}

std::string Replica::stats(Words&) {
  Usage used = usage();
  std::int64_t stall = 0;
  for (const auto& table : node_.tables()) stall = std::max(stall, table.write_stall_max.count());
  return Answer()
      .with("cpu", used.cpu_seconds)
      .with("rss", used.rss)
      .with("rss_peak", used.rss_peak)
      .with("position", sessions_.position())
      .with("stall_us", stall);
}

std::string Replica::reset_peak(Words&) {
  return reset_rss_peak() ? std::string(Answer()) : error("the kernel does not allow it");
}

std::string Replica::registry(Words&) {
  return listing_.with([](auto& mine) -> std::string {
    if (!mine) return error("it is not listed in one");
    return Answer()
        .with("available", mine->available())
        .with("number", mine->number())
        .with("peers", mine->peers());
  });
}

std::string Replica::leave(Words&) {
  writer_.reset();
  reader_.reset();
  auto listing = listing_.with([](auto& mine) { return std::move(mine); });
  if (listing) listing->stop();
  node_.stop();
  left_ = true;
  return Answer();
}

}  // namespace benchmarks
