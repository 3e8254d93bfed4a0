#include "server/archive/archive_answer.h"

#include <utility>

#include "xmpp/date_time.h"
#include "xmpp/namespaces.h"

namespace server {
namespace {

// To the microsecond, as `start` and `end` are compared with it.
std::string stamp_of(MessageId id) { return xmpp::date_time(id.at, 6); }

void add_end(xmpp::Element metadata, const char* name, MessageId id) {
  xmpp::Element end = metadata.add_child(name, xmpp::ns::archive);
  end.set_attr("id", to_text(id));
  end.set_attr("timestamp", stamp_of(id));
}

}  // namespace

std::optional<RoutedStanza> archive_result(const xmpp::Jid& to, const std::string& query_id,
                                           const ArchivePage::Message& message) {
  const auto archived = xmpp::Stanza::parse(message.stanza);
  if (!archived || archived->kind() != xmpp::Stanza::Kind::message) return std::nullopt;
  xmpp::Stanza carrier = xmpp::Stanza::make(xmpp::Stanza::Kind::message);
  carrier.set_from(to.bare_str());
  carrier.set_to(to.str());
  xmpp::Element result = carrier.root().add_child("result", xmpp::ns::archive);
  if (!query_id.empty()) result.set_attr("queryid", query_id);
  result.set_attr("id", to_text(message.id));
  xmpp::Element forwarded = result.add_child("forwarded", xmpp::ns::forward);
  forwarded.add_child("delay", xmpp::ns::delay).set_attr("stamp", stamp_of(message.id));
  forwarded.add_copy(archived->root());
  RoutedStanza routed_result = routed(carrier, to, to);
  routed_result.type = "headline";  // To routing: it is never stored, and nobody is told.
  return routed_result;
}

xmpp::Stanza archive_fin(const xmpp::Stanza& iq, const ArchiveQuery& query,
                         const ArchivePage& page) {
  xmpp::Stanza reply = iq.result_reply();
  xmpp::Element fin = reply.root().add_child("fin", xmpp::ns::archive);
  if (page.is_complete) fin.set_attr("complete", "true");
  xmpp::Element set = fin.add_child("set", xmpp::ns::result_set);
  if (!page.messages.empty()) {
    set.add_child("first", xmpp::ns::result_set).set_text(to_text(page.messages.front().id));
    set.add_child("last", xmpp::ns::result_set).set_text(to_text(page.messages.back().id));
  }
  if (query.page.messages_max == 0) {
    set.add_child("count", xmpp::ns::result_set).set_text(std::to_string(page.count));
  }
  return reply;
}

xmpp::Stanza archive_metadata(const xmpp::Stanza& iq, const std::optional<ArchiveEnds>& ends) {
  xmpp::Stanza reply = iq.result_reply();
  xmpp::Element metadata = reply.root().add_child("metadata", xmpp::ns::archive);
  if (ends) {
    add_end(metadata, "start", ends->first);
    add_end(metadata, "end", ends->last);
  }
  return reply;
}

}  // namespace server
