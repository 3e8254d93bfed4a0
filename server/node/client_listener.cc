#include "server/node/client_listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <utility>

#include "server/log/log.h"

namespace server {
namespace {

constexpr std::size_t slices = 8;  // A bound stream is looked at every two seconds.
constexpr int backlog = 4096;
constexpr auto accept_retry = std::chrono::milliseconds(100);

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
  auto acceptor = std::make_unique<Acceptor>(home_.loop.context(), transport);
  const asio::ip::tcp::endpoint at(address, endpoint.port);
  acceptor->acceptor.open(at.protocol(), error);
  if (error) return error;
  set_option(acceptor->acceptor.native_handle(), SOL_SOCKET, SO_REUSEADDR, 1);
  set_option(acceptor->acceptor.native_handle(), SOL_SOCKET, SO_REUSEPORT, 1);
  acceptor->acceptor.bind(at, error);
  if (error) return error;
  acceptor->acceptor.listen(backlog, error);
  if (error) return error;
  accept(*acceptor);
  acceptors_.push_back(std::move(acceptor));
  return {};
}

void ClientListener::accept(Acceptor& acceptor) {
  acceptor.acceptor.async_accept(
      [this, &acceptor](boost::system::error_code error, asio::ip::tcp::socket socket) {
        if (error == asio::error::operation_aborted) return;
        if (error) {
          // Hardening P4: out of descriptors. The connection stays in the kernel's queue; trying
          // again at once would only burn the CPU.
          log::event(log::Level::warning, "listen", "accept_failed", {{"reason", error.message()}});
          acceptor.retry.expires_after(accept_retry);
          acceptor.retry.async_wait([this, &acceptor](boost::system::error_code stopped) {
            if (!stopped) accept(acceptor);
          });
          return;
        }
        add(std::move(socket), acceptor.transport);
        accept(acceptor);
      });
}

void ClientListener::add(asio::ip::tcp::socket socket, ClientStream::Transport transport) {
  boost::system::error_code error;
  socket.non_blocking(true, error);
  if (error) return;  // It was reset before it was accepted.
  set_option(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT,
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
    boost::system::error_code ignored;  // Closing is all there is left to do.
    acceptor->acceptor.close(ignored);
    acceptor->retry.cancel();
  }
}

std::size_t ClientListener::end_sessions(std::size_t count, std::string_view text) {
  std::vector<std::shared_ptr<ClientStream>> chosen;
  for (const auto& stream : bound_) {
    if (chosen.size() == count) break;
    if (stream->is_bound()) chosen.push_back(stream);
  }
  for (const auto& [key, stream] : young_) {
    if (chosen.size() == count) break;
    if (stream->is_bound()) chosen.push_back(stream);
  }
  for (const auto& stream : chosen) {
    stream->close(xmpp::StreamErrorCondition::system_shutdown, text);
  }
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
