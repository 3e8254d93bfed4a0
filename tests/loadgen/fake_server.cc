#include "tests/loadgen/fake_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <string>
#include <vector>

#include "xmpp/namespaces.h"
#include "xmpp/sasl/base64.h"

namespace loadgen {

FakeServer::FakeServer() {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  [[maybe_unused]] const int bound =
      bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
  assert(bound == 0);
  listen(listener_, 64);
  socklen_t size = sizeof(address);
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

FakeServer::~FakeServer() {
  stopping_ = true;
  thread_.join();
  for (const auto& [fd, peer] : peers_) close(fd);
  close(listener_);
}

void FakeServer::run() {
  while (!stopping_) {
    std::vector<pollfd> waits{{listener_, POLLIN, 0}};
    for (const auto& [fd, peer] : peers_) waits.push_back({fd, POLLIN, 0});
    poll(waits.data(), waits.size(), 5);
    if ((waits[0].revents & POLLIN) != 0) {
      auto peer = std::make_unique<Peer>();
      peer->fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (peer->fd >= 0) peers_[peer->fd] = std::move(peer);
    }
    for (std::size_t i = 1; i < waits.size(); ++i) {
      if (waits[i].revents != 0) read(*peers_.at(waits[i].fd));
    }
    const bool all = cut.exchange(false);
    std::erase_if(peers_, [all](const auto& entry) {
      if (!all && !entry.second->gone) return false;
      close(entry.first);
      return true;
    });
  }
}

void FakeServer::send(const Peer& peer, const std::string& xml) {
  std::string_view rest = xml;
  while (!rest.empty()) {
    const auto size = ::send(peer.fd, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (size <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(size));
  }
}

void FakeServer::read(Peer& peer) {
  std::array<char, 16384> buffer{};
  const auto size = recv(peer.fd, buffer.data(), buffer.size(), 0);
  if (size <= 0) {
    peer.gone = true;
    return;
  }
  std::string_view input(buffer.data(), static_cast<std::size_t>(size));
  while (!peer.gone) {
    switch (peer.parser.next(input)) {
      case xmpp::StreamParser::Event::need_more:
        return;
      case xmpp::StreamParser::Event::stream_open:
        send(peer,
             "<stream:stream from='localhost' id='1' version='1.0' xmlns='jabber:client' "
             "xmlns:stream='http://etherx.jabber.org/streams'>");
        if (!see_other_host_.empty()) {
          send(peer, "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>" +
                         see_other_host_ + "</see-other-host></stream:error></stream:stream>");
          peer.gone = true;
        } else if (peer.user.empty()) {
          send(peer,
               "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"
               "<mechanism>PLAIN</mechanism></mechanisms></stream:features>");
        } else {
          send(peer,
               "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
               "<sm xmlns='urn:xmpp:sm:3'/></stream:features>");
        }
        break;
      case xmpp::StreamParser::Event::element: {
        const auto element = xmpp::Stanza::parse(peer.parser.element());
        if (element.has_value()) on_element(peer, *element);
        break;
      }
      case xmpp::StreamParser::Event::stream_close:
        send(peer, "</stream:stream>");
        peer.gone = true;
        return;
      case xmpp::StreamParser::Event::error:
        peer.gone = true;
        return;
    }
  }
}

void FakeServer::on_element(Peer& peer, const xmpp::Stanza& element) {
  const auto name = element.root().name();
  if (name == "auth") {
    const auto message = xmpp::sasl_payload_decode(element.root().text());
    if (refuses.load() > 0 || message.has_error()) {
      --refuses;
      send(peer, "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>");
      peer.gone = true;
      return;
    }
    const auto user = message->substr(1);
    peer.user = user.substr(0, user.find('\0'));
    peer.parser.reset();
    return send(peer, "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
  }
  if (name == "enable") {
    peer.counts = true;
    peer.handled = 0;
    return send(peer, "<enabled xmlns='urn:xmpp:sm:3'/>");
  }
  if (name == "r") {
    if (!acknowledges) return;
    return send(peer, "<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(peer.handled) + "'/>");
  }
  if (element.kind() == xmpp::Stanza::Kind::other) return;
  ++peer.handled;
  if (name == "iq" && element.root().child("query", xmpp::ns::archive)) {
    return answer_query(peer, element);
  }
  if (name == "iq") {
    ++logins_;
    return send(peer, "<iq type='result' id='" + std::string(element.id()) +
                          "'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>" + peer.user +
                          "@localhost/load</jid></bind></iq>");
  }
  if (name == "message") on_message(peer, element);
}

void FakeServer::on_message(const Peer& peer, const xmpp::Stanza& message) {
  ++messages_;
  if (swallows.load() > 0) {
    --swallows;
    return;
  }
  xmpp::Stanza copy = message.copy();
  copy.set_from(peer.user + "@localhost/load");
  const std::string to(message.to());
  const std::string archived = copy.to_string(xmpp::ns::forward);
  archives_[peer.user].push_back(archived);
  if (forgets.load() > 0) {
    --forgets;
  } else {
    archives_[to.substr(0, to.find('@'))].push_back(archived);
  }
  for (const auto& [fd, other] : peers_) {
    if (other->user.empty() || to.substr(0, to.find('@')) != other->user) continue;
    send(*other, copy.to_string());
    if (doubles.load() > 0) {
      --doubles;
      send(*other, copy.to_string());
    }
    return;
  }
  send(peer, message.error_reply(xmpp::StanzaErrorCondition::service_unavailable).to_string());
}

void FakeServer::answer_query(const Peer& peer, const xmpp::Stanza& iq) {
  const auto query = iq.root().child("query", xmpp::ns::archive);
  const std::string id(query.attr("queryid"));
  const auto after =
      query.child("set", xmpp::ns::result_set).child("after", xmpp::ns::result_set).text();
  const auto& archive = archives_[peer.user];
  std::size_t at = after.empty() ? 0 : std::stoul(after) + 1;
  const std::size_t end = std::min(archive.size(), at + archive_page);
  for (; at < end; ++at) {
    send(peer, "<message><result xmlns='urn:xmpp:mam:2' queryid='" + id + "' id='" +
                   std::to_string(at) + "'><forwarded xmlns='urn:xmpp:forward:0'>" + archive[at] +
                   "</forwarded></result></message>");
  }
  const bool is_complete = end == archive.size();
  send(peer, "<iq type='result' id='" + std::string(iq.id()) + "'><fin xmlns='urn:xmpp:mam:2'" +
                 (is_complete ? " complete='true'" : "") +
                 "><set xmlns='http://jabber.org/protocol/rsm'>" +
                 (end == 0 ? "" : "<last>" + std::to_string(end - 1) + "</last>") +
                 "</set></fin></iq>");
}

}  // namespace loadgen
