#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace tests {

/// A relay on loopback between a client and 127.0.0.1:`target_port`, that can do to the connections
/// what networks do. Each direction of a connection holds at most 256 KiB.
///
/// Threads: all members may be called from any thread; the relay runs its own.
class TcpGate {
 public:
  explicit TcpGate(std::uint16_t target_port);
  ~TcpGate();
  TcpGate(const TcpGate&) = delete;
  TcpGate& operator=(const TcpGate&) = delete;

  /// Where to connect instead of the target.
  std::uint16_t port() const { return port_; }

  /// Ends all connections, and each new one as soon as it is accepted, until open(). It is done
  /// when the call returns, as it is with the next two.
  void cut();

  /// Keeps connections, passes no byte, until open().
  void stall();

  /// Passes again, as fast and whole as it can.
  void open();

  /// Holds every piece back for `time`.
  void delay(std::chrono::milliseconds time);

  /// Passes at most `bytes` at once; 0: no limit.
  void slice(std::size_t bytes);

  /// Lets `change` see and alter the bytes that come from the client (true) or the target (false),
  /// in the order of arrival, on the relay's thread. `offset` counts in that direction of a
  /// connection.
  using Tamper = std::function<void(bool from_client, std::size_t offset, std::string& bytes)>;
  void tamper(Tamper change);

  /// Connections accepted so far.
  std::size_t accepted() const { return accepted_; }

 private:
  enum class Mode { open, stalled, cut };
  using Clock = std::chrono::steady_clock;

  struct Piece {
    Clock::time_point due;
    std::string bytes;
  };
  struct Direction {
    int from = -1;
    int to = -1;
    std::list<Piece> pieces;
    std::size_t held = 0;
    std::size_t seen = 0;
    bool ended = false;  // `from` has no more.
    bool broken = false;
  };
  struct Connection {
    int client = -1;
    int target = -1;
    Direction directions[2];
  };

  void change(Mode mode);
  void run();
  void accept();
  bool relay(Connection& connection);
  void read(Direction& direction, bool from_client);
  void write(Direction& direction);
  void poke();
  static void close(Connection& connection);

  const std::uint16_t target_port_;
  int listener_ = -1;
  int wake_ = -1;
  std::uint16_t port_ = 0;
  std::mutex mutex_;  // Of the settings.
  Mode mode_ = Mode::open;
  std::size_t cuts_ = 0;
  std::size_t changes_ = 0;
  std::size_t changes_done_ = 0;
  std::condition_variable changed_;
  std::chrono::milliseconds delay_{0};
  std::size_t slice_ = 0;
  Tamper tamper_;
  std::atomic<std::size_t> accepted_{0};
  std::atomic<bool> stopping_{false};
  std::list<Connection> connections_;  // The relay's thread.
  std::thread thread_;
};

}  // namespace tests
