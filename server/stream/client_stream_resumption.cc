// XEP-0198 §5 on a client's stream: it takes up a session, and gives its own to another stream.

#include <charconv>
#include <string>
#include <utility>

#include "server/stream/client_stream.h"
#include "xmpp/namespaces.h"

namespace server {

void ClientStream::resume(const xmpp::Element& element) {
  if (!services_.accepts_sessions.load()) {
    return close(xmpp::StreamErrorCondition::system_shutdown, "this node takes no new sessions");
  }
  SessionMoves* moves = services_.moves_of(home_.loop);
  const std::string_view h = element.attr("h");
  xmpp::StanzaCount handled = 0;
  const auto [end, error] = std::from_chars(h.data(), h.data() + h.size(), handled);
  const bool is_count = error == std::errc() && end == h.data() + h.size();
  const auto account = xmpp::Jid::make(local_, domain_);
  if (moves == nullptr || !is_count || !account) {
    return send(moves == nullptr ? "<failed xmlns='urn:xmpp:sm:3'><feature-not-implemented "
                                   "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"
                                 : "<failed xmlns='urn:xmpp:sm:3'><bad-request "
                                   "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>");
  }
  phase_ = Phase::resuming;
  moves->taker().resume(*account, element.attr("previd"), handled, weak_from_this());
}

void ClientStream::on_resumed(std::unique_ptr<Session> session) {
  session_ = std::move(session);
  begin_session();
  idle_.heard(home_.loop.now());
  send("<resumed xmlns='urn:xmpp:sm:3' previd='" + session_->resume_id() + "' h='" +
       std::to_string(session_->acks().handled()) + "'/>");
}

void ClientStream::on_not_resumed(std::optional<CountTooHigh> fault) {
  phase_ = Phase::binding;
  if (fault) {  // As for an <a/>, hardening E3.
    return close(xmpp::StreamErrorCondition::undefined_condition, {},
                 "<handled-count-too-high xmlns='urn:xmpp:sm:3' h='" + std::to_string(fault->h) +
                     "' send-count='" + std::to_string(fault->sent) + "'/>");
  }
  // Hardening E5: that of another account is as unknown as one that never was.
  send(
      "<failed xmlns='urn:xmpp:sm:3'><item-not-found "
      "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>");
}

void ClientStream::detach_session() {
  services_.sessions.fetch_sub(1);
  services_.moves_of(home_.loop)->detached().keep(std::move(session_));
}

void ClientStream::give_up_session() {
  const auto self = shared_from_this();
  if (session_) detach_session();
  close(xmpp::StreamErrorCondition::conflict, "resumed by a later stream");
}

void ClientStream::shut_down(std::string_view text, bool keeps_session) {
  if (is_closing()) return;
  keeps_session_ = keeps_session && is_resumable();
  close(xmpp::StreamErrorCondition::system_shutdown, text);
}

}  // namespace server
