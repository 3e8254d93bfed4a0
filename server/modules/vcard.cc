// vCards (XEP-0054): an account's own is set by it alone and seen by everybody.

#include <string>
#include <utility>

#include "server/modules/modules.h"
#include "server/router/router.h"
#include "server/storage/document_names.h"
#include "server/storage/document_store.h"
#include "xmpp/namespaces.h"

namespace server {
namespace {

using xmpp::StanzaErrorCondition;

constexpr std::size_t vcard_bytes_max = 64 * 1024;  // A photo of some 40 KB, in Base64.

asio::awaitable<void> get(DocumentStore& documents, IqRequest request) {
  const auto stored = co_await documents.load(request.to, document_names::vcard);
  if (stored.has_error()) {
    co_return request.refuse(StanzaErrorCondition::resource_constraint);
  }
  // XEP-0054 §3.3, hardening S11: who has none is like who does not exist.
  if (stored->empty() && request.target == IqTarget::contact) {
    co_return request.refuse(StanzaErrorCondition::item_not_found);
  }
  xmpp::Stanza result = request.iq->result_reply();
  const auto vcard = stored->empty() ? xmpp::Stanza::make_element("vCard", xmpp::ns::vcard)
                                     : xmpp::Stanza::parse(*stored);
  if (!vcard) {
    co_return request.refuse(StanzaErrorCondition::internal_server_error);
  }
  result.root().add_copy(vcard->root());
  request.reply(result);
}

asio::awaitable<void> set(DocumentStore& documents, IqRequest request) {
  std::string vcard = request.payload.to_string();
  if (vcard.size() > vcard_bytes_max) {
    co_return request.refuse(StanzaErrorCondition::policy_violation);
  }
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

void add_vcard(IqHandlers& handlers, DocumentStore& documents, BlockLists& blocks) {
  const std::string ns(xmpp::ns::vcard);
  handlers.add_feature(IqTarget::server, ns);
  handlers.add_feature(IqTarget::account, ns);
  const auto handler = [&documents](const IqRequest& request) {
    answer_later(request, get(documents, request));
  };
  handlers.handle(IqTarget::account, "get", ns, "vCard", handler);
  handle_for_contact(handlers, blocks, ns, "vCard", StanzaErrorCondition::item_not_found, handler);
  handlers.handle(IqTarget::account, "set", ns, "vCard", [&documents](const IqRequest& request) {
    answer_later(request, set(documents, request));
  });
}

}  // namespace server
