#include "tests/support/dns_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <stdexcept>

namespace tests {
namespace {

constexpr std::uint16_t type_a = 1;
constexpr std::uint16_t type_cname = 5;
constexpr std::uint16_t type_aaaa = 28;
constexpr std::uint16_t type_srv = 33;
constexpr std::size_t header_bytes = 12;
constexpr std::size_t udp_bytes_max = 512;
constexpr std::uint16_t name_of_the_question = 0xC000 | header_bytes;  // A pointer to it.

void put16(std::string& out, std::uint16_t value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value & 0xff);
}

std::uint16_t get16(const std::string& bytes, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<std::uint8_t>(bytes.at(at)) << 8 |
                                    static_cast<std::uint8_t>(bytes.at(at + 1)));
}

std::string wire_name(const std::string& name) {
  std::string wire;
  for (std::size_t at = 0; name != "." && at < name.size();) {
    const std::size_t dot = std::min(name.find('.', at), name.size());
    wire += static_cast<char>(dot - at);
    wire += name.substr(at, dot - at);
    at = dot + 1;
  }
  return wire + '\0';
}

struct Question {
  std::string name;  // Lower case.
  std::uint16_t type = 0;
  std::size_t end = 0;  // Of its bytes in the message.
};

std::optional<Question> question_of(const std::string& message) {
  if (message.size() < header_bytes || get16(message, 4) != 1) return std::nullopt;
  Question question;
  std::size_t at = header_bytes;
  while (at < message.size() && message[at] != 0) {
    const std::size_t length = static_cast<std::uint8_t>(message[at]);
    if (length > 63 || at + 1 + length >= message.size()) return std::nullopt;
    if (!question.name.empty()) question.name += '.';
    for (std::size_t n = 1; n <= length; ++n) {
      const char c = message[at + n];
      question.name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    at += 1 + length;
  }
  if (at + 5 > message.size()) return std::nullopt;
  question.type = get16(message, at + 1);
  question.end = at + 5;
  return question;
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

}  // namespace

DnsServer::DnsServer() {
  // The kernel picks a port for UDP; that TCP has it free, too, is likely but not certain.
  for (int tries = 0; tries < 50 && tcp_ < 0; ++tries) {
    udp_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (bind(udp_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
        getsockname(udp_, reinterpret_cast<sockaddr*>(&address), &size) == 0 &&
        bind(listener, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
        listen(listener, 64) == 0) {
      tcp_ = listener;
      port_ = ntohs(address.sin_port);
    } else {
      ::close(udp_);
      ::close(listener);
    }
  }
  wake_ = eventfd(0, EFD_CLOEXEC);
  if (tcp_ < 0 || wake_ < 0) throw std::runtime_error("no free port on 127.0.0.1");
  thread_ = std::thread([this] { run(); });
}

DnsServer::~DnsServer() {
  const std::uint64_t one = 1;
  (void)!::write(wake_, &one, sizeof one);
  thread_.join();
  for (const int descriptor : {udp_, tcp_, wake_}) ::close(descriptor);
}

void DnsServer::set_addresses(const std::string& name, const std::vector<std::string>& addresses) {
  std::map<std::uint16_t, std::vector<std::string>> made;
  for (const std::string& text : addresses) {
    const bool is_v6 = text.find(':') != std::string::npos;
    in6_addr bytes{};
    if (inet_pton(is_v6 ? AF_INET6 : AF_INET, text.c_str(), &bytes) != 1) {
      throw std::invalid_argument(text);
    }
    made[is_v6 ? type_aaaa : type_a].emplace_back(reinterpret_cast<const char*>(&bytes),
                                                  is_v6 ? 16 : 4);
  }
  const std::lock_guard lock(mutex_);
  records_[name][type_a] = made[type_a];
  records_[name][type_aaaa] = made[type_aaaa];
}

void DnsServer::set_services(const std::string& name, const std::vector<Srv>& services) {
  std::vector<std::string> made;
  for (const Srv& service : services) {
    std::string data;
    put16(data, 0);    // Priority.
    put16(data, 100);  // Weight.
    put16(data, service.port);
    made.push_back(data + wire_name(service.target));
  }
  const std::lock_guard lock(mutex_);
  records_[name][type_srv] = std::move(made);
  targets_[name].clear();
  for (const Srv& service : services) targets_[name].push_back(service.target);
}

void DnsServer::set_alias(const std::string& name, const std::string& target) {
  const std::lock_guard lock(mutex_);
  records_[name][type_cname] = {wire_name(target)};
  records_[name][0] = {target};  // The same as text, for the server itself.
}

std::string DnsServer::answer(const std::string& message, bool is_tcp) {
  const auto question = question_of(message);
  if (!question) return {};
  constexpr std::uint16_t response = 0x8400;  // Authoritative.
  constexpr std::uint16_t truncated = 0x0200;
  constexpr std::uint16_t rcodes[] = {0, 0, 2, 5, 0, 0};  // In the order of Mode.
  const Mode mode = mode_;
  std::uint16_t flags = response | rcodes[static_cast<int>(mode)];
  std::uint16_t count = 0, additional = 0;
  std::string body;
  const auto add_named = [&](const std::string& name, std::uint16_t type, const std::string& data) {
    body += name;
    put16(body, type);
    put16(body, 1);  // Class IN.
    put16(body, 0);  // A TTL of 30 s: who believed it would be late.
    put16(body, 30);
    put16(body, static_cast<std::uint16_t>(data.size()));
    body += data;
  };
  const auto add = [&](std::uint16_t pointer, std::uint16_t type, const std::string& data) {
    std::string name;
    put16(name, pointer);
    add_named(name, type, data);
    ++count;
  };
  if (mode == Mode::answer) {
    const std::lock_guard lock(mutex_);
    std::string name = question->name;
    std::uint16_t owner = name_of_the_question;
    if (const auto at = records_.find(name); at != records_.end() && at->second.contains(0)) {
      const std::string alias = at->second.at(type_cname).front();
      name = at->second.at(0).front();
      // The alias's data is where the name of its records stands.
      owner = static_cast<std::uint16_t>(0xC000 | (question->end + 12));
      add(name_of_the_question, type_cname, alias);
    }
    bool exists = false;
    if (const auto at = records_.find(name); at != records_.end()) {
      for (const auto& [type, records] : at->second) exists = exists || !records.empty();
      for (const std::string& data : at->second[question->type]) add(owner, question->type, data);
    }
    if (!exists) flags |= 3;  // NXDOMAIN
    if (question->type == type_srv) {
      for (const std::string& target : targets_[name]) {
        for (const std::uint16_t type : {type_a, type_aaaa}) {
          for (const std::string& data : records_[target][type]) {
            add_named(wire_name(target), type, data);
            ++additional;
          }
        }
      }
    }
  } else if (mode == Mode::nonsense) {
    count = 9;
    body = "\xC0\x0C no record at all";
  }
  const std::string asked = message.substr(header_bytes, question->end - header_bytes);
  if (!is_tcp && header_bytes + asked.size() + body.size() > udp_bytes_max) {
    flags |= truncated;
    count = additional = 0;
    body.clear();
  }
  std::string reply = message.substr(0, 2);
  put16(reply, flags | (get16(message, 2) & 0x0100));  // Recursion desired, as asked.
  put16(reply, 1);
  put16(reply, count);
  put16(reply, 0);
  put16(reply, additional);
  return reply + asked + body;
}

void DnsServer::serve_tcp(int socket) {
  const timeval limit{.tv_sec = 1, .tv_usec = 0};
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  // RFC 1035 §4.2.2: a length of two bytes before each message.
  std::string bytes;
  char buffer[1024];
  while (bytes.size() < 2 || bytes.size() < 2U + get16(bytes, 0)) {
    const ssize_t got = recv(socket, buffer, sizeof buffer, 0);
    if (got <= 0) return;
    bytes.append(buffer, static_cast<std::size_t>(got));
  }
  ++questions_;
  ++questions_by_tcp_;
  if (mode_ == Mode::silent) return;
  const std::string reply = answer(bytes.substr(2), true);
  std::string framed;
  put16(framed, static_cast<std::uint16_t>(reply.size()));
  framed += reply;
  (void)!::send(socket, framed.data(), framed.size(), MSG_NOSIGNAL);
}

void DnsServer::run() {
  for (;;) {
    pollfd watched[] = {{udp_, POLLIN, 0}, {tcp_, POLLIN, 0}, {wake_, POLLIN, 0}};
    if (poll(watched, 3, -1) < 0) continue;
    if (watched[2].revents != 0) return;
    if (watched[1].revents != 0) {
      const int socket = accept4(tcp_, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket >= 0) {
        serve_tcp(socket);
        ::close(socket);
      }
    }
    if (watched[0].revents == 0) continue;
    char buffer[2048];
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const ssize_t got =
        recvfrom(udp_, buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (got <= 0) continue;
    ++questions_;
    if (mode_ == Mode::silent) continue;
    const std::string reply = answer(std::string(buffer, static_cast<std::size_t>(got)), false);
    if (!reply.empty()) {
      (void)!sendto(udp_, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
    }
  }
}

}  // namespace tests
