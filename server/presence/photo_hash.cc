#include "server/presence/photo_hash.h"

#include <string>

#include "xmpp/stanza.h"

namespace server {
namespace {

constexpr std::string_view ns = "vcard-temp:x:update";

}  // namespace

xmpp::SharedText with_photo_hash(const xmpp::SharedText& presence, std::string_view hash,
                                 std::string_view former) {
  if (hash == former) return presence;
  const auto parsed = xmpp::Stanza::parse(presence);
  if (!parsed) return presence;
  xmpp::Element root = parsed->root();
  for (xmpp::Element child = root.first_child(); child;) {
    const xmpp::Element next = child.next();
    if (child.is("x", ns)) {
      const xmpp::Element photo = child.child("photo", ns);
      const std::string said = photo.text();
      if (photo && said.empty()) return presence;
      if (!hash.empty() || said == former) root.remove_child(child);
    }
    child = next;
  }
  if (!hash.empty()) root.add_child("x", ns).add_child("photo", ns).set_text(hash);
  return xmpp::SharedText(parsed->to_string());
}

}  // namespace server
