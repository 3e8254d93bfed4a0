#include "server/storage/retraction.h"

#include "xmpp/date_time.h"
#include "xmpp/namespaces.h"
#include "xmpp/stanza.h"

namespace server {

std::optional<Retraction> retraction_in(std::string_view stanza) {
  // Nearly no message is one: the others cost no tree.
  if (stanza.find(xmpp::ns::retraction) == std::string_view::npos) return std::nullopt;
  const auto message = xmpp::Stanza::parse(stanza);
  if (!message) return std::nullopt;
  const xmpp::Element retract = message->root().child("retract", xmpp::ns::retraction);
  Retraction retraction{.id = std::string(message->id()),
                        .target = std::string(retract.attr("id"))};
  if (retraction.id.empty() || retraction.target.empty()) return std::nullopt;
  return retraction;
}

// hardening S10
Retractable look_for(const Retraction& retraction, const xmpp::Jid& sender,
                     std::string_view archived) {
  const auto message = xmpp::Stanza::parse(archived);
  if (!message || message->id() != retraction.target) return Retractable::no;
  const auto from = xmpp::Jid::parse(message->from());
  if (!from || from->bare_str() != sender.bare_str()) return Retractable::no;
  const xmpp::Element gone = message->root().child("retracted", xmpp::ns::retraction);
  if (gone) return gone.attr("id") == retraction.id ? Retractable::is_gone : Retractable::no;
  const bool is_itself_one =
      static_cast<bool>(message->root().child("retract", xmpp::ns::retraction));
  return is_itself_one ? Retractable::no : Retractable::yes;
}

std::string tombstone_of(std::string_view archived, const Retraction& retraction,
                         std::uint64_t at) {
  const auto message = xmpp::Stanza::parse(archived);
  xmpp::Stanza tombstone =
      xmpp::Stanza::make(xmpp::Stanza::Kind::message, message->type(), message->id());
  tombstone.set_from(message->from());
  tombstone.set_to(message->to());
  xmpp::Element retracted = tombstone.root().add_child("retracted", xmpp::ns::retraction);
  retracted.set_attr("id", retraction.id);
  retracted.set_attr("stamp", xmpp::date_time(at));
  return tombstone.to_string();
}

}  // namespace server
