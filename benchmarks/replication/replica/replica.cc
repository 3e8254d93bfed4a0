#include "benchmarks/replication/replica/replica.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <semaphore>
#include <sstream>
#include <thread>
#include <utility>

#include "benchmarks/replication/replica/usage.h"

namespace benchmarks {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using replication::NodeId;
using replication::NodeRef;
using replication::Position;

double seconds_since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

replication::Deadline in_seconds(double seconds) {
  return Clock::now() + std::chrono::microseconds(static_cast<std::int64_t>(seconds * 1e6));
}

class Answer {
 public:
  template <class T>
  Answer& with(const char* name, const T& value) {
    text_ << ' ' << name << '=' << value;
    return *this;
  }
  Answer& with_seconds(double seconds) {
    char digits[32];
    std::snprintf(digits, sizeof digits, "%.6f", seconds);
    return with("seconds", digits);
  }
  Answer& with_times(const Latencies& latencies) {
    return with("p50_us", latencies.percentile_us(0.5))
        .with("p99_us", latencies.percentile_us(0.99))
        .with("longest_us", latencies.longest_us());
  }
  operator std::string() const { return text_.str(); }

 private:
  std::ostringstream text_{"ok", std::ios::ate};
};

std::string error(const std::string& why) { return "error " + why; }

// Callers are what coroutines would be: when writes are done, as many others may begin. Whoever
// begins them sleeps until then, and is woken once however many are done.
struct Callers {
  std::atomic<std::uint64_t> done{0};
  std::atomic<std::uint64_t> failed{0};
  Latencies latencies;  // Link thread, until all are done.

  void end(boost::system::error_code error) {
    if (error) ++failed;
    ++done;
    if (sleeping.exchange(false)) woken.release();
  }

  void wait_until(std::uint64_t wanted) {
    while (done < wanted) {
      sleeping = true;
      // If they have ended in between, whoever takes the flag back says whether a wake-up comes.
      if (done >= wanted && sleeping.exchange(false)) return;
      woken.acquire();
    }
  }

 private:
  std::atomic<bool> sleeping{false};
  std::binary_semaphore woken{0};
};

}  // namespace

Words::Words(std::string_view line) {
  std::istringstream text{std::string(line)};
  for (std::string word; text >> word;) words_.push_back(word);
}

std::string Words::text(const std::string& otherwise) {
  return empty() ? otherwise : words_[next_++];
}

std::uint64_t Words::number(std::uint64_t otherwise) {
  return empty() ? otherwise : std::strtoull(words_[next_++].c_str(), nullptr, 10);
}

double Words::decimal(double otherwise) {
  return empty() ? otherwise : std::strtod(words_[next_++].c_str(), nullptr);
}

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
}
void Replica::Reporter::peer_reachable(const NodeId& id) { tell("reachable", id.name); }
void Replica::Reporter::peer_gone(const NodeId& id, boost::system::error_code why,
                                  std::uint64_t records) {
  tell("gone", id.name, " records=" + std::to_string(records) + " why=" + why.message());
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
                 std::size_t encoded_bytes, Say say)
    : encoded_bytes_(encoded_bytes),
      events_(std::move(say)),
      node_(std::move(options), events_),
      sessions_(node_, "sessions", table_options) {}

Replica::~Replica() = default;

replication::Result<std::uint16_t> Replica::start() {
  auto started = node_.start();
  if (!started) return started.error();
  return node_.listen_port();
}

const std::vector<Replica::Command>& Replica::commands() {
  static const std::vector<Command> all = {
      {"peers", &Replica::peers},
      {"joined", &Replica::joined},
      {"put", &Replica::put},
      {"erase", &Replica::erase},
      {"acknowledged", &Replica::acknowledged},
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
  return Answer().with_seconds(seconds_since(begun));
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
  return Answer().with("position", last).with_seconds(seconds_since(begun));
}

std::string Replica::erase(Words& words) {
  const std::uint64_t first = words.number();
  const std::uint64_t count = words.number(1);
  const auto begun = Clock::now();
  Position last = sessions_.position();
  for (std::uint64_t number = first; number < first + count; ++number) {
    last = sessions_.erase(session_key(number));
  }
  return Answer().with("position", last).with_seconds(seconds_since(begun));
}

std::string Replica::replicated(Words& words) {
  const Position position = words.number();
  const auto begun = Clock::now();
  auto done = sessions_.wait_replicated(position, in_seconds(words.decimal(10)));
  if (!done) return error(done.error().message());
  return Answer().with_seconds(seconds_since(begun));
}

std::string Replica::acknowledged(Words& words) {
  const std::uint64_t count = words.number();
  const std::uint64_t callers = std::max<std::uint64_t>(1, words.number(1));
  const std::uint64_t first = words.number();
  const std::uint64_t keys = std::max<std::uint64_t>(1, words.number(1));
  auto state = std::make_shared<Callers>();
  const double cpu_before = usage().cpu_seconds;
  const auto begun = Clock::now();
  for (std::uint64_t at = 0; at < count; ++at) {
    if (at >= callers) state->wait_until(at - callers + 1);
    const std::uint64_t number = first + at % keys;
    const auto written_at = Clock::now();
    auto written =
        sessions_.put(session_key(number), session_record(number, ++serial_, encoded_bytes_));
    if (!written) return error(written.error().message());
    sessions_.when_replicated(*written, replication::in(30s),
                              [state, written_at](boost::system::error_code error) {
                                state->latencies.add(Clock::now() - written_at);
                                state->end(error);
                              });
  }
  state->wait_until(count);
  if (state->failed != 0) return error(std::to_string(state->failed) + " were not replicated");
  return Answer()
      .with("writes", count)
      .with_seconds(seconds_since(begun))
      .with("cpu", usage().cpu_seconds - cpu_before)
      .with_times(state->latencies);
}

std::string Replica::one_by_one(Words& words) {
  const std::uint64_t count = words.number();
  const std::uint64_t first = words.number();
  const std::uint64_t keys = std::max<std::uint64_t>(1, words.number(1));
  Latencies latencies;
  const double cpu_before = usage().cpu_seconds;
  const auto begun = Clock::now();
  for (std::uint64_t at = 0; at < count; ++at) {
    const std::uint64_t number = first + at % keys;
    const SessionKey key = session_key(number);
    const Session record = session_record(number, ++serial_, encoded_bytes_);
    const auto written_at = Clock::now();
    auto written = sessions_.put(key, record);
    if (!written) return error(written.error().message());
    auto done = sessions_.wait_replicated(*written, replication::in(30s));
    if (!done) return error(done.error().message());
    latencies.add(Clock::now() - written_at);
  }
  return Answer()
      .with("writes", count)
      .with_seconds(seconds_since(begun))
      .with("cpu", usage().cpu_seconds - cpu_before)
      .with_times(latencies);
}

std::string Replica::windowed(Words& words) {
  const std::uint64_t count = words.number();
  const std::uint64_t part = std::max<std::uint64_t>(1, words.number(1000) / 10);
  const std::uint64_t first = words.number();
  const std::uint64_t keys = std::max<std::uint64_t>(1, words.number(1));
  auto state = std::make_shared<Callers>();
  const double cpu_before = usage().cpu_seconds;
  const auto begun = Clock::now();
  std::uint64_t parts = 0;
  for (std::uint64_t written = 0; written < count; ++parts) {
    if (parts >= 10) state->wait_until(parts - 9);
    Position last = 0;
    for (std::uint64_t at = 0; at < part && written < count; ++at, ++written) {
      const std::uint64_t number = first + written % keys;
      auto position =
          sessions_.put(session_key(number), session_record(number, ++serial_, encoded_bytes_));
      if (!position) return error(position.error().message());
      last = *position;
    }
    sessions_.when_replicated(last, replication::in(30s),
                              [state](boost::system::error_code error) { state->end(error); });
  }
  state->wait_until(parts);
  if (state->failed != 0) return error(std::to_string(state->failed) + " were not replicated");
  return Answer()
      .with("writes", count)
      .with_seconds(seconds_since(begun))
      .with("cpu", usage().cpu_seconds - cpu_before);
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
  return Answer().with_seconds(seconds_since(begun));
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

std::string Replica::writer(Words& words) {
  if (words.text() == "start") {
    if (writer_) return error("it writes already");
    const double rate = words.decimal();
    const std::uint64_t first = words.number();
    const KeyRange keys{first, std::max<std::uint64_t>(1, words.number(1))};
    writer_ = std::make_unique<Writer>(sessions_, keys, rate, encoded_bytes_);
    return Answer();
  }
  if (!writer_) return error("it does not write");
  auto result = std::exchange(writer_, {})->stop();
  return Answer()
      .with("writes", result.writes)
      .with_seconds(result.seconds)
      .with("lowest_rate", result.lowest_rate)
      .with_times(result.stalls.all)
      .with("undisturbed_us", result.stalls.longest_undisturbed_us);
}

std::string Replica::reader(Words& words) {
  if (words.text() == "start") {
    if (reader_) return error("it reads already");
    const double rate = words.decimal();
    const std::uint64_t first = words.number();
    const KeyRange keys{first, std::max<std::uint64_t>(1, words.number(1))};
    reader_ = std::make_unique<Reader>(sessions_, keys, rate);
    return Answer();
  }
  if (!reader_) return error("it does not read");
  auto result = std::exchange(reader_, {})->stop();
  return Answer()
      .with("reads", result.reads)
      .with("last_found", result.last_found_us)
      .with("first_missed", result.first_missed_us)
      .with_times(result.stalls.all)
      .with("undisturbed_us", result.stalls.longest_undisturbed_us);
}

std::string Replica::echo(Words&) {
  if (!echo_) echo_ = std::make_unique<Echo>();
  return echo_->port() != 0 ? std::string(Answer().with("port", echo_->port()))
                            : error("cannot listen");
}

std::string Replica::round_trip(Words& words) {
  const std::uint64_t count = words.number();
  const std::size_t bytes = words.number(200);
  std::vector<std::uint16_t> ports;
  while (!words.empty()) ports.push_back(static_cast<std::uint16_t>(words.number()));
  Latencies latencies = round_trips(ports, bytes, count);
  if (latencies.count() == 0) return error("somebody does not answer");
  return Answer().with_times(latencies);
}

std::string Replica::leave(Words&) {
  writer_.reset();
  reader_.reset();
  node_.stop();
  left_ = true;
  return Answer();
}

}  // namespace benchmarks
