// Private XML storage (XEP-0049): what an account's clients keep for themselves, by the name of the
// element. One document holds it all, an element a line, so that its size is bounded as a whole.
// Bookmarks are those of PEP, too (XEP-0402 §4).

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/modules/modules.h"
#include "server/pep/bookmarks.h"
#include "server/router/router.h"
#include "server/storage/document_names.h"
#include "server/storage/document_store.h"
#include "xmpp/limits.h"
#include "xmpp/namespaces.h"

namespace server {
namespace {

using xmpp::StanzaErrorCondition;

constexpr const char* wrapper = "stored";  // Around all in the document.

// Of all. What is stored is what can be read again.
constexpr xmpp::StreamLimits limits = {
    .bytes_max = 1024 * 1024, .elements_max = 32'768, .depth_max = 66, .attributes_max = 64};

/// An empty wrapper if there is nothing. Error: broken.
Result<xmpp::Stanza> stored_elements(const std::string& document) {
  if (document.empty()) return xmpp::Stanza::make_element(wrapper, xmpp::ns::private_xml);
  auto parsed = xmpp::Stanza::parse(document, xmpp::ns::client, limits);
  if (!parsed) return make_error_code(StorageErrc::broken);
  return *std::move(parsed);
}

bool is_bookmarks(xmpp::Element element) { return element.is("storage", xmpp::ns::old_bookmarks); }

asio::awaitable<void> get(DocumentStore& documents, Pep& pep, IqRequest request) {
  const xmpp::Element wanted = request.payload.first_child();
  if (!wanted || wanted.next()) {
    co_return request.refuse(StanzaErrorCondition::bad_request);
  }
  const auto document = co_await documents.load(request.to, document_names::private_xml);
  if (document.has_error()) {
    co_return request.refuse(StanzaErrorCondition::resource_constraint);
  }
  xmpp::Stanza result = request.iq->result_reply();
  xmpp::Element query = result.root().add_child("query", xmpp::ns::private_xml);
  const auto stored = stored_elements(*document);
  if (!stored) co_return request.refuse(StanzaErrorCondition::internal_server_error);
  const xmpp::Element found = stored->root().child(wanted.name(), wanted.ns());
  const xmpp::Element shown = found ? found : wanted;  // XEP-0049 §2.2: an empty one if none.
  if (!is_bookmarks(shown)) {
    query.add_copy(shown);
    co_return request.reply(result);
  }
  const auto rooms = co_await with_bookmarks_of_pep(pep, request.to, shown.to_string(""));
  if (rooms.has_error()) co_return request.refuse(rooms.error().condition);
  const auto parsed = xmpp::Stanza::parse(*rooms, xmpp::ns::client, limits);
  if (!parsed) co_return request.refuse(StanzaErrorCondition::internal_server_error);
  query.add_copy(parsed->root());
  request.reply(result);
}

asio::awaitable<void> set(DocumentStore& documents, Pep& pep, IqRequest request) {
  if (!request.payload.first_child()) {
    co_return request.refuse(StanzaErrorCondition::bad_request);
  }
  // As text: the change is made on another thread.
  std::string written = request.payload.to_string();
  DocumentStore::Change change = [written =
                                      std::move(written)](std::string& document) -> Result<void> {
    const auto stored = stored_elements(document);
    if (!stored) return stored.error();
    const auto payload = xmpp::Stanza::parse(written);
    for (const xmpp::Element element : xmpp::children(payload->root())) {
      xmpp::Element root = stored->root();
      if (const auto former = root.child(element.name(), element.ns())) root.remove_child(former);
      root.add_copy(element);
    }
    document = stored->to_string();
    if (!stored_elements(document)) return make_error_code(StorageErrc::too_long);
    return {};
  };
  const auto done =
      co_await documents.edit(request.to, document_names::private_xml, std::move(change));
  if (done.has_error()) {
    co_return request.refuse(done.error() == StorageErrc::too_long
                                 ? StanzaErrorCondition::policy_violation
                                 : StanzaErrorCondition::resource_constraint);
  }
  for (const xmpp::Element element : xmpp::children(request.payload)) {
    if (!is_bookmarks(element)) continue;
    const auto published =
        co_await publish_bookmarks(pep, request.to, element.to_string(""), request.home);
    if (published.has_error()) co_return request.refuse(published.error().condition);
  }
  request.reply(request.iq->result_reply());
}

}  // namespace

void add_private_xml(IqHandlers& handlers, DocumentStore& documents, Pep& pep) {
  const std::string ns(xmpp::ns::private_xml);
  handlers.add_feature(IqTarget::server, ns);
  handlers.add_feature(IqTarget::account, ns);
  handlers.add_feature(IqTarget::account, std::string(xmpp::ns::bookmarks) + "#compat");
  handlers.handle(IqTarget::account, "get", ns, "query",
                  [&documents, &pep](const IqRequest& request) {
                    answer_later(request, get(documents, pep, request));
                  });
  handlers.handle(IqTarget::account, "set", ns, "query",
                  [&documents, &pep](const IqRequest& request) {
                    answer_later(request, set(documents, pep, request));
                  });
}

}  // namespace server
