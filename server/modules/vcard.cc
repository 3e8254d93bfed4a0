// vCards (XEP-0054): an account's own is set by it alone and seen by everybody. Its photo
// (XEP-0153) is the account's avatar, which PEP keeps (XEP-0398 §4).

#include <string>
#include <utility>

#include "server/modules/modules.h"
#include "server/pep/avatar.h"
#include "server/router/router.h"
#include "server/storage/document_names.h"
#include "server/storage/document_store.h"
#include "xmpp/namespaces.h"

namespace server {
namespace {

using xmpp::StanzaErrorCondition;

constexpr std::size_t vcard_bytes_max = 64 * 1024;  // A photo of some 40 KB, in Base64.

xmpp::Element photo_in(xmpp::Element vcard) { return vcard.child("PHOTO", xmpp::ns::vcard); }

void show(xmpp::Element vcard, const Avatar& avatar) {
  if (const xmpp::Element former = photo_in(vcard)) vcard.remove_child(former);
  xmpp::Element photo = vcard.add_child("PHOTO", xmpp::ns::vcard);
  photo.add_child("TYPE", xmpp::ns::vcard).set_text(avatar.type);
  photo.add_child("BINVAL", xmpp::ns::vcard).set_text(avatar.data);
}

asio::awaitable<void> get(DocumentStore& documents, Pep& pep, IqRequest request) {
  const auto stored = co_await documents.load(request.to, document_names::vcard);
  if (stored.has_error()) {
    co_return request.refuse(StanzaErrorCondition::resource_constraint);
  }
  const auto avatar = co_await read_avatar(pep, request.to, request.from.bare());
  if (avatar.has_error()) co_return request.refuse(avatar.error().condition);
  // XEP-0054 §3.3, hardening S11: who has none is like who does not exist.
  if (stored->empty() && !*avatar && request.target == IqTarget::contact) {
    co_return request.refuse(StanzaErrorCondition::item_not_found);
  }
  xmpp::Stanza result = request.iq->result_reply();
  const auto vcard = stored->empty() ? xmpp::Stanza::make_element("vCard", xmpp::ns::vcard)
                                     : xmpp::Stanza::parse(*stored);
  if (!vcard) {
    co_return request.refuse(StanzaErrorCondition::internal_server_error);
  }
  const xmpp::Element shown = result.root().add_copy(vcard->root());
  if (*avatar) show(shown, **avatar);
  request.reply(result);
}

// A vCard is set as a whole: one without a photo takes the avatar away. A photo that is elsewhere
// (`EXTVAL`), or is no picture, stays in the vCard and is nobody's avatar.
asio::awaitable<void> set(DocumentStore& documents, Pep& pep, IqRequest request) {
  if (request.payload.to_string().size() > vcard_bytes_max) {
    co_return request.refuse(StanzaErrorCondition::policy_violation);
  }
  xmpp::Element payload = request.payload;
  const xmpp::Element photo = photo_in(payload);
  auto avatar = Avatar::parse(photo.child("TYPE", xmpp::ns::vcard).text(),
                              photo.child("BINVAL", xmpp::ns::vcard).text());
  if (avatar) payload.remove_child(photo);
  std::string vcard = payload.to_string();
  const auto published = co_await set_avatar(pep, request.to, std::move(avatar), request.home);
  if (published.has_error()) co_return request.refuse(published.error().condition);
  DocumentStore::Change change = [vcard = std::move(vcard)](std::string& document) -> Result<void> {
    document = vcard;
    return {};
  };
  const auto done = co_await documents.edit(request.to, document_names::vcard, std::move(change));
  if (done.has_error()) {
    co_return request.refuse(StanzaErrorCondition::resource_constraint);
  }
  request.reply(request.iq->result_reply());
}

}  // namespace

void add_vcard(IqHandlers& handlers, DocumentStore& documents, Pep& pep, BlockLists& blocks) {
  const std::string ns(xmpp::ns::vcard);
  handlers.add_feature(IqTarget::server, ns);
  handlers.add_feature(IqTarget::account, ns);
  handlers.add_feature(IqTarget::account, "urn:xmpp:pep-vcard-conversion:0");
  const auto handler = [&documents, &pep](const IqRequest& request) {
    answer_later(request, get(documents, pep, request));
  };
  handlers.handle(IqTarget::account, "get", ns, "vCard", handler);
  handle_for_contact(handlers, blocks, ns, "vCard", StanzaErrorCondition::item_not_found, handler);
  handlers.handle(IqTarget::account, "set", ns, "vCard",
                  [&documents, &pep](const IqRequest& request) {
                    answer_later(request, set(documents, pep, request));
                  });
}

}  // namespace server
