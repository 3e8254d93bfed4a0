#include "tests/support/tcp_gate.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>

namespace tests {
namespace {

constexpr std::size_t held_max = 256 * 1024;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void make_nonblocking(int socket) {
  ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK);
  int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

TcpGate::TcpGate(std::uint16_t target_port) : target_port_(target_port) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  [[maybe_unused]] bool listening =
      ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
      ::listen(listener_, 128) == 0 &&
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  assert(listening);
  make_nonblocking(listener_);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

TcpGate::~TcpGate() {
  stopping_ = true;
  poke();
  thread_.join();
  for (Connection& connection : connections_) close(connection);
  ::close(listener_);
  ::close(wake_);
}

void TcpGate::poke() {
  std::uint64_t one = 1;
  [[maybe_unused]] auto written = ::write(wake_, &one, sizeof one);
}

void TcpGate::change(Mode mode) {
  std::unique_lock lock(mutex_);
  mode_ = mode;
  if (mode == Mode::cut) ++cuts_;
  if (mode == Mode::open) {
    delay_ = {};
    slice_ = 0;
  }
  const std::size_t change = ++changes_;
  poke();
  changed_.wait(lock, [&] { return changes_done_ >= change; });
}

void TcpGate::cut() { change(Mode::cut); }

void TcpGate::stall() { change(Mode::stalled); }

void TcpGate::open() { change(Mode::open); }

void TcpGate::delay(std::chrono::milliseconds time) {
  std::lock_guard lock(mutex_);
  delay_ = time;
}

void TcpGate::slice(std::size_t bytes) {
  std::lock_guard lock(mutex_);
  slice_ = bytes;
}

void TcpGate::tamper(Tamper change) {
  std::lock_guard lock(mutex_);
  tamper_ = std::move(change);
}

void TcpGate::run() {
  std::size_t cuts_seen = 0;
  while (!stopping_) {
    std::vector<pollfd> waits{{wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
    int timeout = -1;
    Mode mode;
    {
      std::lock_guard lock(mutex_);
      mode = mode_;
    }
    for (Connection& connection : connections_) {
      for (Direction& direction : connection.directions) {
        if (mode != Mode::open) break;
        if (!direction.ended && direction.held < held_max) {
          waits.push_back({direction.from, POLLIN, 0});
        }
        if (direction.pieces.empty()) continue;
        auto left = direction.pieces.front().due - Clock::now();
        if (left <= Clock::duration::zero()) {
          waits.push_back({direction.to, POLLOUT, 0});
        } else {
          auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
          timeout = timeout < 0 ? static_cast<int>(ms) : std::min<int>(timeout, ms);
        }
      }
    }
    ::poll(waits.data(), waits.size(), timeout);
    std::uint64_t drained = 0;
    [[maybe_unused]] auto taken = ::read(wake_, &drained, sizeof drained);
    bool cut = false;
    {
      std::lock_guard lock(mutex_);
      mode = mode_;
      cut = cuts_ != cuts_seen;  // Even if open() came right behind it.
      cuts_seen = cuts_;
      if (cut) {
        for (Connection& connection : connections_) close(connection);
        connections_.clear();
      }
      changes_done_ = changes_;
    }
    changed_.notify_all();
    accept();
    if (mode == Mode::stalled) continue;
    connections_.remove_if([&](Connection& connection) {
      if (mode == Mode::open && relay(connection)) return false;
      close(connection);
      return true;
    });
  }
}

void TcpGate::accept() {
  for (;;) {
    int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    ++accepted_;
    int target = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(target_port_);
    if (::connect(target, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      ::close(target);
      ::close(client);
      continue;
    }
    make_nonblocking(client);
    make_nonblocking(target);
    Connection& added = connections_.emplace_back();
    added.client = client;
    added.target = target;
    added.directions[0].from = added.directions[1].to = client;
    added.directions[0].to = added.directions[1].from = target;
  }
}

bool TcpGate::relay(Connection& connection) {
  for (int i = 0; i < 2; ++i) {
    Direction& direction = connection.directions[i];
    if (!direction.ended && direction.held < held_max) read(direction, i == 0);
    write(direction);
  }
  return std::none_of(std::begin(connection.directions), std::end(connection.directions),
                      [](const Direction& direction) {
                        return direction.broken || (direction.ended && direction.pieces.empty());
                      });
}

void TcpGate::read(Direction& direction, bool from_client) {
  char buffer[64 * 1024];
  auto size = ::recv(direction.from, buffer, sizeof buffer, 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) {
    direction.ended = true;
    return;
  }
  Piece piece;
  piece.bytes.assign(buffer, static_cast<std::size_t>(size));
  Tamper change;
  {
    std::lock_guard lock(mutex_);
    piece.due = Clock::now() + delay_;
    change = tamper_;
  }
  if (change) change(from_client, direction.seen, piece.bytes);
  direction.seen += static_cast<std::size_t>(size);
  direction.held += piece.bytes.size();
  direction.pieces.push_back(std::move(piece));
}

void TcpGate::write(Direction& direction) {
  std::size_t most = held_max;
  {
    std::lock_guard lock(mutex_);
    if (slice_ != 0) most = slice_;
  }
  while (!direction.pieces.empty() && direction.pieces.front().due <= Clock::now()) {
    std::string& bytes = direction.pieces.front().bytes;
    auto size = ::send(direction.to, bytes.data(), std::min(bytes.size(), most), MSG_NOSIGNAL);
    if (size < 0) {
      direction.broken = errno != EAGAIN && errno != EINTR;
      return;
    }
    direction.held -= static_cast<std::size_t>(size);
    bytes.erase(0, static_cast<std::size_t>(size));
    if (bytes.empty()) direction.pieces.pop_front();
    if (most != held_max) return;  // One slice a turn.
  }
}

void TcpGate::close(Connection& connection) {
  ::close(connection.client);
  ::close(connection.target);
}

}  // namespace tests
