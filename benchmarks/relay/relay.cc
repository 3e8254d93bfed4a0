// The floor that the server is measured against: the least that can stand between two clients.
//
//     relay PORT
//
// One thread, one epoll set, one recv a readable socket and one send a socket that got something in
// this turn, as one of the server's loops does it. Of XMPP it plays just enough for meerkat-load to
// log in (any password is right), and of a message it reads only where it ends and whom it is to.
// It checks nothing, parses nothing, counts nothing, and would believe any client anything.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

constexpr std::string_view header =
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams' version='1.0' id='1' from='localhost'>"
    "<stream:features>";
constexpr std::string_view offer_plain =
    "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism>"
    "</mechanisms></stream:features>";
constexpr std::string_view offer_bind =
    "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>";
constexpr std::string_view success = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
constexpr std::string_view stream_end = "</stream:stream>";
constexpr std::string_view message_begin = "<message ";
constexpr std::string_view message_end = "</message>";

std::string base64_decode(std::string_view text) {
  std::string out;
  unsigned bits = 0;
  int held = 0;
  for (const char c : text) {
    constexpr std::string_view digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const std::size_t digit = digits.find(c);
    if (digit == digits.npos) break;
    bits = bits << 6 | static_cast<unsigned>(digit);
    held += 6;
    if (held >= 8) out += static_cast<char>(bits >> (held -= 8) & 0xff);
  }
  return out;
}

class Relay {
 public:
  explicit Relay(std::uint16_t port) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        listen(listener_, 4096) != 0) {
      std::perror("relay");
      std::exit(69);
    }
    watch(listener_, EPOLL_CTL_ADD, EPOLLIN);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 128> events;  // As many as Asio takes in a turn.
    while (true) {
      const int count = epoll_wait(epoll_, events.data(), events.size(), -1);
      for (int i = 0; i < count; ++i) {
        const int fd = events[i].data.fd;
        if (fd == listener_) {
          accept_all();
        } else if (const auto at = clients_.find(fd); at != clients_.end()) {
          if (events[i].events & EPOLLOUT) flush(*at->second);
          if (events[i].events & ~EPOLLOUT) read(*at->second);
        }
      }
      for (Client* client : dirty_) flush(*client);
      dirty_.clear();
      for (const int fd : ended_) end(fd);
      ended_.clear();
    }
  }

 private:
  struct Client {
    int fd = -1;
    std::string address;  // `load1@localhost`, once logged in.
    std::string input;    // What came of an unfinished element.
    std::string output;
    bool is_bound = false;
    bool is_waiting = false;  // For room in the socket.
  };

  void watch(int fd, int operation, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    epoll_ctl(epoll_, operation, fd, &event);
  }

  void accept_all() {
    int fd = -1;
    while ((fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0) {
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      auto client = std::make_unique<Client>();
      client->fd = fd;
      clients_[fd] = std::move(client);
      watch(fd, EPOLL_CTL_ADD, EPOLLIN);
    }
  }

  void read(Client& client) {
    const ssize_t size = recv(client.fd, buffer_.data(), buffer_.size(), 0);
    if (size <= 0) {
      if (size == 0 || errno != EAGAIN) ended_.push_back(client.fd);
      return;
    }
    std::string_view bytes(buffer_.data(), static_cast<std::size_t>(size));
    std::string joined;
    if (!client.input.empty()) {
      joined = std::exchange(client.input, {}).append(bytes);
      bytes = joined;
    }
    while (!bytes.empty() && (client.is_bound ? relay(client, bytes) : log_in(client, bytes))) {
    }
    client.input = bytes;
  }

  /// Takes one message off `bytes`; false when none is whole.
  bool relay(Client& client, std::string_view& bytes) {
    if (!bytes.starts_with(message_begin)) {
      const std::size_t end = bytes.find('>');
      if (end == bytes.npos) return false;
      if (bytes.starts_with(stream_end)) queue(client, stream_end);
      bytes.remove_prefix(end + 1);
      return true;
    }
    const std::size_t end = bytes.find(message_end);
    if (end == bytes.npos) return false;
    const std::string_view message = bytes.substr(0, end + message_end.size());
    bytes.remove_prefix(message.size());
    const std::size_t to = message.find(" to='") + 5;
    address_.assign(message.substr(to, message.find_first_of("/'", to) - to));
    const auto found = bound_.find(address_);
    if (found == bound_.end()) return true;
    Client& recipient = *found->second;
    queue(recipient, message_begin);
    recipient.output.append("from='").append(client.address).append("/load' ");
    recipient.output.append(message.substr(message_begin.size()));
    return true;
  }

  /// Plays the server's part of a login without TLS, with PLAIN. One element a call.
  bool log_in(Client& client, std::string_view& bytes) {
    if (bytes.starts_with("<auth")) {
      const std::size_t begin = bytes.find('>');
      const std::size_t end = bytes.find("</auth>");
      if (end == bytes.npos) return false;
      const std::string user = base64_decode(bytes.substr(begin + 1, end - begin - 1)).substr(1);
      client.address = user.substr(0, user.find('\0')) + "@localhost";
      queue(client, success);
      bytes.remove_prefix(end + 7);
      return true;
    }
    if (bytes.starts_with("<iq")) {
      const std::size_t end = bytes.find("</iq>");
      if (end == bytes.npos) return false;
      queue(client,
            "<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>" +
                client.address + "/load</jid></bind></iq>");
      bound_[client.address] = &client;
      client.is_bound = true;
      bytes.remove_prefix(end + 5);
      return true;
    }
    const std::size_t end = bytes.find('>');
    if (end == bytes.npos) return false;
    if (bytes.starts_with("<stream:stream")) {
      queue(client, header);
      queue(client, client.address.empty() ? offer_plain : offer_bind);
    }
    bytes.remove_prefix(end + 1);  // The header's, or that of the XML declaration before it.
    return true;
  }

  void queue(Client& client, std::string_view bytes) {
    if (client.output.empty()) dirty_.push_back(&client);
    client.output += bytes;
  }

  void flush(Client& client) {
    const ssize_t sent = send(client.fd, client.output.data(), client.output.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return;  // Its end is on its way, as a readable socket.
    client.output.erase(0, sent < 0 ? 0 : static_cast<std::size_t>(sent));
    if (client.is_waiting == client.output.empty()) {
      client.is_waiting = !client.output.empty();
      watch(client.fd, EPOLL_CTL_MOD, client.is_waiting ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
  }

  void end(int fd) {
    const auto at = clients_.find(fd);
    if (at == clients_.end()) return;
    const auto bound = bound_.find(at->second->address);
    if (bound != bound_.end() && bound->second == at->second.get()) bound_.erase(bound);
    clients_.erase(at);
    close(fd);
  }

  int epoll_ = epoll_create1(0);
  int listener_ = -1;
  std::unordered_map<int, std::unique_ptr<Client>> clients_;
  std::unordered_map<std::string, Client*> bound_;
  std::vector<Client*> dirty_;
  std::vector<int> ended_;
  std::array<char, 65536> buffer_;
  std::string address_;  // Kept for its memory.
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s PORT\n", argv[0]);
    return 64;
  }
  Relay(static_cast<std::uint16_t>(std::atoi(argv[1]))).run();
}
