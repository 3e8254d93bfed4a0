#include "server/router/forgeries.h"

#include "server/router/router.h"
#include "xmpp/namespaces.h"

namespace server {
namespace {

/// An id by an address of ours, however that is written, or by none that anybody could be.
bool is_forged_id(const xmpp::Element& element, const Router& router) {
  if (!element.is("stanza-id", xmpp::ns::stanza_ids)) return false;
  const auto by = xmpp::Jid::parse(element.attr("by"));
  return !by || router.serves(by->domain());
}

bool is_forgery(const xmpp::Element& element, const Router& router) {
  return element.is("received", xmpp::ns::carbons) || element.is("sent", xmpp::ns::carbons) ||
         element.is("result", xmpp::ns::archive) || element.is("fin", xmpp::ns::archive) ||
         is_forged_id(element, router);
}

}  // namespace

bool may_hold_forgery(std::string_view xml) {
  constexpr std::string_view common = "urn:xmpp:";  // Of the namespaces looked for.
  for (std::size_t at = 0; (at = xml.find(common, at)) != std::string_view::npos; ++at) {
    const std::string_view ns = xml.substr(at);
    if (ns.starts_with(xmpp::ns::carbons) || ns.starts_with(xmpp::ns::archive)) return true;
  }
  // Most messages have an id of their sender's in the namespace, which is no reason to look closer.
  return xml.find("stanza-id") != std::string_view::npos ||
         xml.find("&#") != std::string_view::npos;
}

void remove_forgeries(xmpp::Stanza& message, const Router& router) {
  for (xmpp::Element child = message.root().first_child(); child;) {
    const xmpp::Element next = child.next();
    if (is_forgery(child, router)) message.root().remove_child(child);
    child = next;
  }
}

}  // namespace server
