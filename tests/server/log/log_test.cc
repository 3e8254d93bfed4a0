#include "server/log/log.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace server::log {
namespace {

/// Collects lines; can hold the log's thread back, like a pipe that nobody reads.
class Reader {
 public:
  std::function<void(std::string_view)> sink() {
    return [this](std::string_view line) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return !is_stalled_; });
      lines_.emplace_back(line);
    };
  }
  void stall(bool on) {
    const std::lock_guard lock(mutex_);
    is_stalled_ = on;
    changed_.notify_all();
  }
  std::vector<std::string> lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_stalled_ = false;
  std::vector<std::string> lines_;
};

TEST(Log, WritesEachEventInItsFormatAndOrder) {
  Reader reader;
  start({.format = LogFormat::json, .node = "n1", .sink = reader.sink()});
  event(Level::info, "session", "bound", {{"resource", "a\nb"}});
  event(Level::debug, "session", "read");
  event(Level::error, "session", "lost");
  stop();
  const auto lines = reader.lines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_NE(lines[0].find(R"("level":"info","node":"n1","area":"session","event":"bound",)"
                          R"("resource":"a\nb"})"),
            std::string::npos)
      << lines[0];
  EXPECT_NE(lines[1].find(R"("event":"lost"})"), std::string::npos) << lines[1];
}

TEST(Log, SaysWhatEscapedFromACoroutine) {
  Reader reader;
  start({.format = LogFormat::json, .sink = reader.sink()});
  failed_unexpectedly("pep", std::make_exception_ptr(std::runtime_error("no such thing")));
  failed_unexpectedly("pep", std::make_exception_ptr(7));
  stop();
  const auto lines = reader.lines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_NE(lines[0].find(R"("level":"error")"), std::string::npos) << lines[0];
  EXPECT_NE(lines[0].find(R"("event":"failed_unexpectedly","reason":"no such thing")"),
            std::string::npos)
      << lines[0];
  EXPECT_NE(lines[1].find(R"("reason":"not a std::exception")"), std::string::npos) << lines[1];
}

TEST(Log, KnowsWhichLevelsItWrites) {
  start({.level = Level::warning, .sink = [](std::string_view) {}});
  EXPECT_FALSE(is_enabled(Level::info));
  EXPECT_TRUE(is_enabled(Level::warning));
  stop();
}

// Hardening E10: 100,000 bad connections must not fill the disk.
TEST(Log, BoundsWhatOnePlaceWrites) {
  Reader reader;
  const std::uint64_t before = suppressed();
  start({.site_rate_max = 20, .sink = reader.sink()});
  for (int connection = 0; connection < 100'000; ++connection) {
    event(Level::warning, "stream", "bad_header", {{"excerpt", std::string(1000, 'x')}});
  }
  stop();
  std::size_t bytes = 0;
  for (const std::string& line : reader.lines()) bytes += line.size() + 1;
  EXPECT_LT(bytes, 1024u * 1024);
  EXPECT_EQ(suppressed() - before + reader.lines().size(), 100'000u);
}

TEST(Log, NeverWaitsForItsReaderAndCountsWhatItLoses) {
  Reader reader;
  reader.stall(true);
  const std::uint64_t before = dropped();
  start({.queue_max = 100, .site_rate_max = 1'000'000, .sink = reader.sink()});
  for (int line = 0; line < 10'000; ++line) event(Level::info, "session", "bound", {{"n", line}});
  const std::uint64_t lost = dropped() - before;
  EXPECT_GE(lost, 10'000u - 102);
  reader.stall(false);
  stop();
  EXPECT_EQ(reader.lines().size() + dropped() - before, 10'000u);
  EXPECT_NE(reader.lines().back().find("\"n\":9999"), std::string::npos);
}

TEST(Log, TakesEventsFromManyThreads) {
  Reader reader;
  start({.site_rate_max = 1'000'000, .sink = reader.sink()});
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([] {
      for (int line = 0; line < 500; ++line) event(Level::info, "session", "bound");
    });
  }
  for (std::thread& thread : threads) thread.join();
  stop();
  EXPECT_EQ(reader.lines().size(), 2000u);
}

}  // namespace
}  // namespace server::log
