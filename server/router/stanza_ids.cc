#include "server/router/stanza_ids.h"

#include <string>

#include "xmpp/escape.h"
#include "xmpp/namespaces.h"

namespace server {

xmpp::SharedText with_stanza_id(std::string_view xml, const xmpp::Jid& account, MessageId id) {
  // The last end tag is that of the message.
  const std::size_t end = xml.rfind("</");
  if (end == std::string_view::npos) return xml;  // `<message/>`: nothing to refer to.
  std::string text;
  text.reserve(xml.size() + account.bare_str().size() + 100);
  text.append(xml.substr(0, end));
  text.append("<stanza-id xmlns='").append(xmpp::ns::stanza_ids).append("' by='");
  xmpp::append_escaped_attr(text, account.bare_str());
  text.append("' id='").append(to_text(id)).append("'/>");
  text.append(xml.substr(end));
  return text;
}

}  // namespace server
