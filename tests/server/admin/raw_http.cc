#include "tests/server/admin/raw_http.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace server {

RawHttp::RawHttp(const Endpoint& endpoint)
    : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(endpoint.port);
  inet_pton(AF_INET, endpoint.host.c_str(), &address.sin_addr);
  const timeval limit{10, 0};
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
}

RawHttp::~RawHttp() { close(socket_); }

void RawHttp::send(const std::string& bytes) const {
  // The server may have answered and closed before it has read all: then the rest is of no use.
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t size = ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (size <= 0) return;
    sent += static_cast<std::size_t>(size);
  }
}

std::string RawHttp::read_all() const {
  std::string all = buffer_;
  char chunk[4096];
  for (ssize_t size; (size = recv(socket_, chunk, sizeof(chunk), 0)) > 0;) {
    all.append(chunk, static_cast<std::size_t>(size));
  }
  return all;
}

std::string RawHttp::read_answer() {
  char chunk[4096];
  while (true) {
    const std::size_t head = buffer_.find("\r\n\r\n");
    const std::size_t field = buffer_.find("Content-Length: ");
    if (head != std::string::npos && field < head) {
      const std::size_t size = head + 4 + std::stoul(buffer_.substr(field + 16));
      if (buffer_.size() >= size) {
        const std::string answer = buffer_.substr(0, size);
        buffer_.erase(0, size);
        return answer;
      }
    }
    const ssize_t size = recv(socket_, chunk, sizeof(chunk), 0);
    if (size <= 0) return std::move(buffer_);
    buffer_.append(chunk, static_cast<std::size_t>(size));
  }
}

int status_for(const Endpoint& endpoint, const std::string& bytes) {
  RawHttp http(endpoint);
  http.send(bytes);
  const std::string answer = http.read_answer();
  return answer.starts_with("HTTP/1.1 ") ? std::stoi(answer.substr(9, 3)) : 0;
}

}  // namespace server
