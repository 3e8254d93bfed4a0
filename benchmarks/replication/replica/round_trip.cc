#include "benchmarks/replication/replica/round_trip.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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

void give_back(int socket) {
  send_at_once(socket);
  char bytes[4096];
  for (;;) {
    auto size = ::recv(socket, bytes, sizeof bytes, 0);
    if (size <= 0 || ::send(socket, bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL) != size) {
      break;
    }
  }
  ::close(socket);
}

bool receive(int socket, std::string& bytes) {
  return ::recv(socket, bytes.data(), bytes.size(), MSG_WAITALL) ==
         static_cast<ssize_t>(bytes.size());
}

}  // namespace

Echo::Echo() {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
      ::listen(listener_, 16) == 0 &&
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    port_ = ntohs(address.sin_port);
  }
  thread_ = std::thread([this] {
    std::vector<std::thread> connections;
    for (;;) {
      int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) break;
      connections.emplace_back([socket] { give_back(socket); });
    }
    for (auto& connection : connections) connection.join();
  });
}

Echo::~Echo() {
  ::shutdown(listener_, SHUT_RDWR);  // Ends accept4().
  thread_.join();
  ::close(listener_);
}

Latencies round_trips(const std::vector<std::uint16_t>& ports, std::size_t bytes,
                      std::uint64_t count) {
  std::vector<int> sockets;
  bool well = true;
  for (std::uint16_t port : ports) {
    sockets.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    send_at_once(sockets.back());
    sockaddr_in address = loopback(port);
    well = well &&
           ::connect(sockets.back(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
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
           std::all_of(sockets.begin(), sockets.end(), [&](int at) { return receive(at, text); });
    if (well) latencies.add(std::chrono::steady_clock::now() - begun);
  }
  for (int socket : sockets) ::close(socket);
  return well ? latencies : Latencies();
}

}  // namespace benchmarks
