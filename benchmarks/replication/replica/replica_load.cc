// The commands of a replica that write and read much, and say what it took.

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <semaphore>
#include <utility>

#include "benchmarks/replication/replica/line.h"
#include "benchmarks/replication/replica/replica.h"
#include "benchmarks/replication/replica/usage.h"
#include "replication/replicated.h"

namespace benchmarks {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using replication::Position;

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

Waiting waiting_of(const std::string& name) {
  return name == "blocking" ? Waiting::blocking : Waiting::epoll;
}

}  // namespace

// What coroutines on the application's loop have in common; only that loop touches it.
struct Replica::LoopCallers {
  std::uint64_t count = 0;
  KeyRange keys;
  std::uint64_t begun = 0;
  std::uint64_t failed = 0;
  std::uint64_t running = 0;
  Latencies latencies;
  std::promise<void> done;
};

asio::awaitable<void> Replica::call(LoopCallers& callers) {
  while (callers.begun < callers.count) {
    const std::uint64_t number = callers.keys.first + callers.begun++ % callers.keys.count;
    const auto written_at = Clock::now();
    auto written =
        sessions_.put(session_key(number), session_record(number, ++serial_, encoded_bytes_));
    auto outcome = written ? co_await replication::replicated(sessions_, *written, written_at + 30s)
                           : written.error();
    if (!outcome) ++callers.failed;
    callers.latencies.add(Clock::now() - written_at);
  }
}

std::string Replica::coroutines(Words& words) {
  const std::uint64_t count = words.number();
  const std::uint64_t callers = std::max<std::uint64_t>(1, words.number(1));
  const std::uint64_t first = words.number();
  const KeyRange keys{first, std::max<std::uint64_t>(1, words.number(1))};
  auto state = std::make_shared<LoopCallers>();
  state->count = count;
  state->keys = keys;
  state->running = callers;
  const double cpu_before = usage().cpu_seconds;
  const auto begun = Clock::now();
  asio::post(loop_, [this, callers, state] {
    for (std::uint64_t at = 0; at < callers; ++at) {
      asio::co_spawn(loop_, call(*state), [state](const std::exception_ptr& thrown) {
        if (thrown) ++state->failed;
        if (--state->running == 0) state->done.set_value();
      });
    }
  });
  state->done.get_future().wait();
  if (state->failed != 0) return error(std::to_string(state->failed) + " were not replicated");
  return Answer()
      .with("writes", count)
      .with_seconds_since(begun)
      .with("cpu", usage().cpu_seconds - cpu_before)
      .with_times(state->latencies);
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
    sessions_.when_replicated(*written, written_at + 30s,
                              [state, written_at](boost::system::error_code error) {
                                state->latencies.add(Clock::now() - written_at);
                                state->end(error);
                              });
  }
  state->wait_until(count);
  if (state->failed != 0) return error(std::to_string(state->failed) + " were not replicated");
  return Answer()
      .with("writes", count)
      .with_seconds_since(begun)
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
      .with_seconds_since(begun)
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
      .with_seconds_since(begun)
      .with("cpu", usage().cpu_seconds - cpu_before);
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
      .with("undisturbed_us", result.stalls.longest_undisturbed_us)
      .with("control_us", result.stalls.control.longest_us());
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
      .with("undisturbed_us", result.stalls.longest_undisturbed_us)
      .with("control_us", result.stalls.control.longest_us());
}

std::string Replica::echo(Words& words) {
  echoes_.push_back(std::make_unique<Echo>(waiting_of(words.text())));
  const auto port = echoes_.back()->port();
  return port != 0 ? std::string(Answer().with("port", port)) : error("cannot listen");
}

std::string Replica::round_trip(Words& words) {
  const Waiting waiting = waiting_of(words.text());
  const std::uint64_t count = words.number();
  const std::size_t bytes = words.number(200);
  std::vector<std::uint16_t> ports;
  while (!words.empty()) ports.push_back(static_cast<std::uint16_t>(words.number()));
  Latencies latencies = round_trips(waiting, ports, bytes, count);
  if (latencies.count() == 0) return error("somebody does not answer");
  return Answer().with_times(latencies);
}

}  // namespace benchmarks
