#include "server/transfer/forms.h"
#include "xmpp/date_time.h"
#include "xmpp/namespaces.h"

namespace server {
namespace {

constexpr std::uint64_t origin_max = INT64_MAX;  // See MessageId.

/// The same for the same text, on every machine and in every release: FNV-1a.
std::uint64_t digest(std::string_view text) {
  std::uint64_t hash = 14'695'981'039'346'656'037U;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211U;
  }
  return hash;
}

/// An id for a message that has none of ours: read again it is the same, so it is kept once. Two of
/// the same time keep their order.
MessageId id_at(std::uint64_t time, std::string_view text, MessageId before) {
  MessageId id{time, digest(text) % (origin_max / 2) + 1};
  if (id.at == before.at && id.origin <= before.origin) id.origin = before.origin + 1;
  return id;
}

bool is_own_delay(xmpp::Element child, std::string_view domain) {
  return child.is("delay", xmpp::ns::delay) && child.attr("from") == domain;
}

void remove_own_delays(xmpp::Element message, std::string_view domain) {
  for (xmpp::Element child = message.first_child(); child;) {
    const xmpp::Element next = child.next();
    if (is_own_delay(child, domain)) message.remove_child(child);
    child = next;
  }
}

/// When the server of `domain` took the message; else when anybody did.
std::optional<std::uint64_t> time_of(xmpp::Element message, std::string_view domain) {
  std::optional<std::uint64_t> others;
  for (const xmpp::Element child : xmpp::children(message)) {
    if (!child.is("delay", xmpp::ns::delay)) continue;
    const auto time = xmpp::parse_date_time(child.attr("stamp"));
    if (time && is_own_delay(child, domain)) return time;
    if (!others) others = time;
  }
  return others;
}

Form<FileMessage> message_of(xmpp::Element message) {
  if (!message.is("message", xmpp::ns::client)) return LeftOut{"what should be a message is none"};
  auto from = xmpp::Jid::parse(message.attr("from"));
  auto to = xmpp::Jid::parse(message.attr("to"));
  if (!from || !to) return LeftOut{"a message from or to an address that is none"};
  FileMessage read{.id = {}, .from = *std::move(from), .to = *std::move(to), .stanza = {}};
  read.stanza = message.to_string();
  if (!xmpp::Stanza::parse(read.stanza)) return LeftOut{"a message that is too large"};
  return read;
}

}  // namespace

void append_offline(std::string& out, const std::string& stanza, MessageId id,
                    std::string_view domain) {
  const auto message = xmpp::Stanza::parse(stanza);
  if (!message) return;
  remove_own_delays(message->root(), domain);
  xmpp::Element delay = message->root().add_child("delay", xmpp::ns::delay);
  delay.set_attr("from", domain);
  delay.set_attr("stamp", xmpp::date_time(id.at, 6));
  out += message->to_string("") + "\n";
}

Form<FileMessage> read_offline(xmpp::Element message, const xmpp::Jid& account, MessageId before,
                               std::uint64_t now) {
  const std::uint64_t time = time_of(message, account.domain()).value_or(now);
  remove_own_delays(message, account.domain());
  if (message.attr("to").empty()) message.set_attr("to", account.str());
  auto read = message_of(message);
  if (read.has_value()) read->id = id_at(time, read->stanza, before);
  return read;
}

void append_archived(std::string& out, const std::string& stanza, MessageId id) {
  const auto message = xmpp::Stanza::parse(stanza);
  if (!message) return;
  out.append("<result xmlns='").append(xmpp::ns::archive).append("' id='").append(to_text(id));
  out.append("'><forwarded xmlns='").append(xmpp::ns::forward).append("'><delay xmlns='");
  out.append(xmpp::ns::delay).append("' stamp='").append(xmpp::date_time(id.at, 6)).append("'/>");
  out += message->to_string("") + "</forwarded></result>\n";
}

Form<FileMessage> read_archived(xmpp::Element result, MessageId before) {
  const xmpp::Element forwarded = result.child("forwarded", xmpp::ns::forward);
  const xmpp::Element delay = forwarded.child("delay", xmpp::ns::delay);
  const auto time = xmpp::parse_date_time(delay.attr("stamp"));
  if (!result.is("result", xmpp::ns::archive) || !time) {
    return LeftOut{"a message of the archive that says no time"};
  }
  auto read = message_of(forwarded.child("message", xmpp::ns::client));
  if (read.has_error()) return read;
  const auto own = parse_message_id(result.attr("id"));
  const bool is_own = own && own->at == *time && own->origin > 0 && own->origin <= origin_max;
  read->id = is_own ? *own : id_at(*time, std::string(result.attr("id")) + read->stanza, before);
  return read;
}

}  // namespace server
