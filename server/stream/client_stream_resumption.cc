// XEP-0198 §5 on a client's stream: it takes up a session, and gives its own to another stream.

#include <charconv>
#include <string>
#include <utility>

#include "server/stream/client_stream.h"
#include "xmpp/namespaces.h"

namespace server {

void ClientStream::resume(std::string_view previd, std::string_view h) {
  if (!services_.accepts_sessions.load()) {
    return close(xmpp::StreamErrorCondition::system_shutdown, "this node takes no new sessions");
  }
  SessionMoves* moves = services_.moves_of(home_.loop);
  if (moves == nullptr) return refuse_resume("feature-not-implemented");
  xmpp::StanzaCount handled = 0;
  const auto [end, error] = std::from_chars(h.data(), h.data() + h.size(), handled);
  if (error != std::errc() || end != h.data() + h.size()) return refuse_resume("bad-request");
  phase_ = Phase::resuming;
  moves->taker().resume(*xmpp::Jid::make(local_, domain_), previd, handled, weak_from_this());
}

void ClientStream::refuse_resume(std::string_view condition) {
  phase_ = Phase::binding;
  std::string failed = "<failed xmlns='urn:xmpp:sm:3'><";
  failed.append(condition).append(" xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>");
  if (!inline_) return send(std::move(failed));
  inline_->answers += failed;
  go_on_with_login();
}

void ClientStream::on_resumed(std::unique_ptr<Session> session) {
  session_ = std::move(session);
  begin_session();
  idle_.heard(home_.loop.now());
  std::string resumed = "<resumed xmlns='urn:xmpp:sm:3' previd='" + session_->resume_id() +
                        "' h='" + std::to_string(session_->acks().handled()) + "'/>";
  if (!inline_) return send(std::move(resumed));
  inline_->answers += resumed;
  send_success();  // XEP-0198 §12.2: no features; the client's stanzas follow.
}

void ClientStream::on_not_resumed(std::optional<CountTooHigh> fault) {
  if (fault) {  // As for an <a/>, hardening E3.
    phase_ = Phase::binding;
    return close(xmpp::StreamErrorCondition::undefined_condition, {},
                 "<handled-count-too-high xmlns='urn:xmpp:sm:3' h='" + std::to_string(fault->h) +
                     "' send-count='" + std::to_string(fault->sent) + "'/>");
  }
  // Hardening E5: that of another account is as unknown as one that never was.
  refuse_resume("item-not-found");
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
