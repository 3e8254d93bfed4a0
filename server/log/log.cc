#include "server/log/log.h"

#include <spdlog/async.h>
#include <spdlog/sinks/base_sink.h>

#include <atomic>
#include <cassert>
#include <chrono>
#include <cstdio>
#include <memory>
#include <shared_mutex>
#include <utility>

#include "server/log/line.h"
#include "server/log/site_limit.h"

namespace server::log {
namespace {

/// Hands each line to a function; runs on the log's own thread.
class Sink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit Sink(std::function<void(std::string_view)> write) : write_(std::move(write)) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    write_(std::string_view(message.payload.data(), message.payload.size()));
  }
  void flush_() override {}

 private:
  std::function<void(std::string_view)> write_;
};

/// One write a line: lines of several processes that share a pipe do not mix.
void write_to_stderr(std::string_view line) {
  std::string whole(line);
  whole += '\n';
  std::fwrite(whole.data(), 1, whole.size(), stderr);
}

struct Running {
  explicit Running(Options given)
      : options(std::move(given)),
        sites(options.site_rate_max),
        pool(std::make_shared<spdlog::details::thread_pool>(options.queue_max, 1)),
        logger(std::make_shared<spdlog::async_logger>(
            "meerkat", std::make_shared<Sink>(options.sink ? options.sink : write_to_stderr), pool,
            spdlog::async_overflow_policy::overrun_oldest)) {
    logger->set_level(spdlog::level::trace);  // Ours has decided already.
  }

  const Options options;
  SiteLimit sites;
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
};

// start() and stop() are rare; event() shares the lock with other events.
std::shared_mutex running_mutex;
std::unique_ptr<Running> running;
std::atomic<Level> least_level = Level::info;
std::atomic<std::uint64_t> dropped_before = 0;  // By logs that have ended.
std::atomic<std::uint64_t> suppressed_lines = 0;

}  // namespace

void start(Options options) {
  const std::unique_lock lock(running_mutex);
  assert(!running);
  least_level = options.level;
  running = std::make_unique<Running>(std::move(options));
}

void stop() {
  std::unique_ptr<Running> ended;
  {
    const std::unique_lock lock(running_mutex);
    ended = std::move(running);
  }
  if (!ended) return;
  // The pool ends with its last owner, after it has written what is queued.
  const std::shared_ptr<spdlog::details::thread_pool> pool = ended->pool;
  ended.reset();
  dropped_before += pool->overrun_counter();
}

bool is_enabled(Level level) { return level >= least_level.load(std::memory_order_relaxed); }

void event(Level level, std::string_view area, std::string_view name,
           std::initializer_list<Field> fields, std::source_location site) {
  if (!is_enabled(level)) return;
  const auto now = std::chrono::system_clock::now();
  const std::shared_lock lock(running_mutex);
  if (!running) {
    write_to_stderr(text_line({now, level, "", area, name, 0}, fields));
    return;
  }
  const SiteLimit::Verdict verdict =
      running->sites.pass(site.file_name(), site.line(),
                          std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()));
  if (!verdict.may_pass) {
    suppressed_lines.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const Heading heading{now, level, running->options.node, area, name, verdict.suppressed};
  const bool is_json = running->options.format == LogFormat::json;
  running->logger->log(
      spdlog::level::info,
      spdlog::string_view_t(is_json ? json_line(heading, fields) : text_line(heading, fields)));
}

void failed_unexpectedly(std::string_view area, const std::exception_ptr& failure,
                         std::source_location site) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    event(Level::error, area, "failed_unexpectedly", {{"reason", error.what()}}, site);
  } catch (...) {
    event(Level::error, area, "failed_unexpectedly", {{"reason", "not a std::exception"}}, site);
  }
}

std::uint64_t dropped() {
  const std::shared_lock lock(running_mutex);
  return dropped_before + (running ? running->pool->overrun_counter() : 0);
}

std::uint64_t suppressed() { return suppressed_lines.load(std::memory_order_relaxed); }

}  // namespace server::log
