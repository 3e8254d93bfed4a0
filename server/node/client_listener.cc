#include "server/node/client_listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <utility>

#include "server/log/log.h"

namespace server {
namespace {

constexpr std::size_t slices = 8;  // A bound stream is looked at every two seconds.
constexpr int backlog = 4096;
constexpr int accepts_per_turn = 64;
constexpr auto accept_retry = std::chrono::milliseconds(100);

boost::system::error_code last_error() { return {errno, boost::system::system_category()}; }

void set_option(int socket, int level, int option, int value) {
  // An option that this kernel lacks costs comfort, not correctness.
  (void)::setsockopt(socket, level, option, &value, sizeof value);
}

}  // namespace

ClientListener::ClientListener(RoutedLoop& home, StreamServices& services)
    : home_(home), services_(services) {
  home_.loop.on_tick([this] { on_tick(); });
}

boost::system::error_code ClientListener::open(const Endpoint& endpoint,
                                               ClientStream::Transport transport) {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(endpoint.host, error);
  if (error) return error;
  const asio::ip::tcp::endpoint at(address, endpoint.port);
  auto acceptor = std::make_shared<Acceptor>();
  acceptor->listener = this;
  acceptor->transport = transport;
  acceptor->socket = Descriptor(
      ::socket(at.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  const int socket = acceptor->socket.number();
  if (socket < 0) return last_error();
  set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1);
  set_option(socket, SOL_SOCKET, SO_REUSEPORT, 1);
  if (::bind(socket, at.data(), static_cast<socklen_t>(at.size())) != 0) return last_error();
  if (::listen(socket, backlog) != 0) return last_error();
  if (error = home_.loop.watch(socket, EPOLLIN, acceptor); error) return error;
  acceptors_.push_back(std::move(acceptor));
  return {};
}

void ClientListener::accept(Acceptor& acceptor) {
  for (int count = 0; count < accepts_per_turn; ++count) {
    Descriptor socket(
        ::accept4(acceptor.socket.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket) {
      add(std::move(socket), acceptor.transport);
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    if (errno == ECONNABORTED || errno == EINTR) continue;
    // Hardening P4: out of descriptors. The connection stays in the kernel's queue; trying again at
    // once would only burn the CPU.
    log::event(log::Level::warning, "listen", "accept_failed",
               {{"reason", last_error().message()}});
    home_.loop.unwatch(acceptor.socket.number());
    home_.loop.after(accept_retry, [this, weak = acceptor.weak_from_this()] {
      const auto kept = weak.lock();
      if (kept && kept->socket) (void)home_.loop.watch(kept->socket.number(), EPOLLIN, kept);
    });
    return;
  }
}

void ClientListener::add(Descriptor socket, ClientStream::Transport transport) {
  set_option(socket.number(), IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(socket.number(), IPPROTO_TCP, TCP_USER_TIMEOUT,
             static_cast<int>(services_.config.limits.write_timeout.count()));
  auto stream = std::make_shared<ClientStream>(home_, services_, std::move(socket), transport,
                                               [this](ClientStream& ended) { remove(ended); });
  young_.emplace(stream.get(), stream);
  stream->start();
}

void ClientListener::remove(ClientStream& stream) {
  young_.erase(&stream);
  const auto place = place_.find(&stream);
  if (place == place_.end()) return;
  const std::size_t at = place->second;
  place_.erase(place);
  if (at + 1 < bound_.size()) {
    bound_[at] = std::move(bound_.back());
    place_[bound_[at].get()] = at;
  }
  bound_.pop_back();
}

void ClientListener::on_tick() {
  std::vector<std::shared_ptr<ClientStream>> due;
  for (auto it = young_.begin(); it != young_.end();) {
    if (it->second->is_bound()) {
      place_.emplace(it->first, bound_.size());
      bound_.push_back(std::move(it->second));
      it = young_.erase(it);
    } else {
      due.push_back(it->second);
      ++it;
    }
  }
  // on_tick() may end a stream, which takes it out of the lists: so the due ones are held first.
  const std::size_t slice = bound_.size() / slices + 1;
  for (std::size_t count = 0; count < slice && !bound_.empty(); ++count) {
    if (next_slice_ >= bound_.size()) next_slice_ = 0;
    due.push_back(bound_[next_slice_++]);
  }
  for (auto& stream : due) stream->on_tick();
}

void ClientListener::close_acceptors() {
  for (auto& acceptor : acceptors_) {
    home_.loop.unwatch(acceptor->socket.number());
    acceptor->socket.close();
  }
}

std::size_t ClientListener::end_sessions(std::size_t count, std::string_view text,
                                         bool keeps_sessions) {
  std::vector<std::shared_ptr<ClientStream>> chosen;
  for (const auto& stream : bound_) {
    if (chosen.size() == count) break;
    if (stream->is_bound()) chosen.push_back(stream);
  }
  for (const auto& [key, stream] : young_) {
    if (chosen.size() == count) break;
    if (stream->is_bound()) chosen.push_back(stream);
  }
  for (const auto& stream : chosen) stream->shut_down(text, keeps_sessions);
  return chosen.size();
}

void ClientListener::close_all() {
  std::vector<std::shared_ptr<ClientStream>> all;
  for (const auto& [key, stream] : young_) all.push_back(stream);
  all.insert(all.end(), bound_.begin(), bound_.end());
  for (const auto& stream : all) {
    stream->close(xmpp::StreamErrorCondition::system_shutdown);
    stream->on_disconnected({});
  }
}

}  // namespace server
