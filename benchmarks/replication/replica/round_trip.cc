#include "benchmarks/replication/replica/round_trip.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

namespace benchmarks {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void send_at_once(int socket) {
  int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// Some of what has come; false: the connection is over, and closed.
bool give_back_some(int socket) {
  char bytes[4096];
  auto size = ::recv(socket, bytes, sizeof bytes, 0);
  if (size > 0 && ::send(socket, bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL) == size) {
    return true;
  }
  ::close(socket);
  return false;
}

void watch(int epoll, int socket) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = socket;
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event);
}

bool receive(int socket, std::string& bytes) {
  return ::recv(socket, bytes.data(), bytes.size(), MSG_WAITALL) ==
         static_cast<ssize_t>(bytes.size());
}

// The answers of all sockets, in whatever order they come; each is small enough to come whole.
bool receive_from_all(int epoll, std::size_t sockets, std::string& bytes) {
  for (std::size_t received = 0; received < sockets;) {
    epoll_event events[16];
    const int ready = ::epoll_wait(epoll, events, 16, 10'000);
    if (ready <= 0) return false;
    for (int at = 0; at < ready; ++at, ++received) {
      if (::recv(events[at].data.fd, bytes.data(), bytes.size(), 0) !=
          static_cast<ssize_t>(bytes.size())) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace

Echo::Echo(Waiting waiting) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
      ::listen(listener_, 16) == 0 &&
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    port_ = ntohs(address.sin_port);
  }
  thread_ = std::thread([this, waiting] {
    if (waiting == Waiting::epoll) {
      serve_by_epoll();
    } else {
      serve_blocking();
    }
  });
}

void Echo::serve_blocking() {
  std::vector<std::thread> connections;
  for (;;) {
    int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) break;
    send_at_once(socket);
    connections.emplace_back([socket] {
      while (give_back_some(socket)) {
      }
    });
  }
  for (auto& connection : connections) connection.join();
}

void Echo::serve_by_epoll() {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  watch(epoll, listener_);
  for (bool open = true; open;) {
    epoll_event events[16];
    const int ready = ::epoll_wait(epoll, events, 16, -1);
    for (int at = 0; at < ready; ++at) {
      if (events[at].data.fd != listener_) {
        give_back_some(events[at].data.fd);
        continue;
      }
      const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      open = socket >= 0;
      if (!open) break;
      send_at_once(socket);
      watch(epoll, socket);
    }
  }
  ::close(epoll);
}

Echo::~Echo() {
  ::shutdown(listener_, SHUT_RDWR);  // Ends accept4().
  thread_.join();
  ::close(listener_);
}

Latencies round_trips(Waiting waiting, const std::vector<std::uint16_t>& ports, std::size_t bytes,
                      std::uint64_t count) {
  std::vector<int> sockets;
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  bool well = true;
  for (std::uint16_t port : ports) {
    sockets.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    send_at_once(sockets.back());
    sockaddr_in address = loopback(port);
    well = well &&
           ::connect(sockets.back(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    watch(epoll, sockets.back());
  }
  Latencies latencies;
  std::string text(bytes, 'x');
  for (std::uint64_t at = 0; well && at < count; ++at) {
    auto begun = std::chrono::steady_clock::now();
    for (int socket : sockets) {
      well =
          well && ::send(socket, text.data(), bytes, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes);
    }
    well = well &&
           (waiting == Waiting::epoll ? receive_from_all(epoll, sockets.size(), text)
                                      : std::all_of(sockets.begin(), sockets.end(),
                                                    [&](int at) { return receive(at, text); }));
    if (well) latencies.add(std::chrono::steady_clock::now() - begun);
  }
  for (int socket : sockets) ::close(socket);
  ::close(epoll);
  return well ? latencies : Latencies();
}

}  // namespace benchmarks
