// The message archive (XEP-0313) and what an account wants in it (XEP-0441). Messages get there by
// ArchiveDesk; what a query means is known in server/archive.

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "replication/guarded.h"
#include "server/archive/archive_answer.h"
#include "server/archive/archive_query.h"
#include "server/modules/modules.h"
#include "server/router/router.h"
#include "server/storage/archive_prefs.h"
#include "server/storage/document_store.h"
#include "xmpp/namespaces.h"

namespace server {
namespace {

using xmpp::StanzaErrorCondition;

// hardening E8: a client gets a page when it has nearly read the one before, so that it may read
// slowly; and asks for so many at once.
constexpr std::size_t queued_bytes_max = 64 * 1024;
constexpr auto look_interval = std::chrono::milliseconds(20);
constexpr int queries_max = 20;

/// The queries of one session that are being answered.
using Asking = std::pair<std::size_t, SessionId>;  // Its loop, and its id there.
using Running = replication::Guarded<std::map<Asking, int>>;

struct Archive {
  Archive(ArchiveStore& archive, DocumentStore& kept, std::size_t page_max)
      : store(archive), documents(kept), limits{.page_max = page_max} {}

  ArchiveStore& store;
  DocumentStore& documents;
  const ArchiveLimits limits;
  Running running;
};

/// Counts a query for as long as it is answered.
class Turn {
 public:
  Turn(Running& running, Asking asking) : running_(running), asking_(asking) {
    is_taken_ = running_.with([&](auto& counts) {
      int& count = counts[asking_];
      return count < queries_max && ++count > 0;
    });
  }
  ~Turn() {
    if (!is_taken_) return;
    running_.with([&](auto& counts) {
      const auto count = counts.find(asking_);
      if (--count->second == 0) counts.erase(count);
    });
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  [[nodiscard]] bool is_taken() const { return is_taken_; }

 private:
  Running& running_;
  const Asking asking_;
  bool is_taken_ = false;
};

StanzaErrorCondition condition_of(boost::system::error_code error) {
  if (error == StorageErrc::not_found) return StanzaErrorCondition::item_not_found;
  if (error == StorageErrc::no_such_user) return StanzaErrorCondition::item_not_found;
  return StanzaErrorCondition::resource_constraint;  // G5: it may be tried again.
}

/// Null when the session has gone.
Recipient* asker(const IqRequest& request) { return request.home.sessions.find(request.session); }

void send_page(const IqRequest& request, const ArchiveQuery& query, const ArchivePage& page) {
  std::vector<const ArchivePage::Message*> messages;
  messages.reserve(page.messages.size());
  for (const ArchivePage::Message& message : page.messages) messages.push_back(&message);
  if (query.is_flipped) std::ranges::reverse(messages);
  for (const ArchivePage::Message* message : messages) {
    const auto result = archive_result(request.from, query.id, *message);
    if (!result) {
      request.home.counters.archive_unreadable.add();
      continue;
    }
    Recipient* client = asker(request);
    if (client == nullptr || !client->deliver(*result)) return;
  }
  request.reply(archive_fin(*request.iq, query, page));
}

asio::awaitable<void> answer_query(Archive& archive, IqRequest request) {
  const auto parsed = parse_archive_query(request.payload, archive.limits);
  if (const auto* refusal = std::get_if<StanzaErrorCondition>(&parsed)) {
    co_return request.refuse(*refusal);
  }
  const auto& query = std::get<ArchiveQuery>(parsed);
  const Turn turn(archive.running, {request.home.loop.index(), request.session});
  if (!turn.is_taken()) co_return request.refuse(StanzaErrorCondition::resource_constraint);
  const auto page = co_await archive.store.page(request.from.bare(), query.range, query.page);
  if (page.has_error()) co_return request.refuse(condition_of(page.error()));
  while (const Recipient* client = asker(request)) {
    if (client->queued_bytes() <= queued_bytes_max) co_return send_page(request, query, *page);
    co_await request.home.loop.delay(look_interval);
  }
}

void answer_form(const IqRequest& request) {
  xmpp::Stanza reply = request.iq->result_reply();
  add_archive_form(reply.root().add_child("query", xmpp::ns::archive));
  request.reply(reply);
}

asio::awaitable<void> answer_metadata(Archive& archive, IqRequest request) {
  const auto ends = co_await archive.store.ends(request.from.bare());
  if (ends.has_error()) co_return request.refuse(condition_of(ends.error()));
  request.reply(archive_metadata(*request.iq, *ends));
}

void reply_prefs(const IqRequest& request, const ArchivePrefs& prefs) {
  xmpp::Stanza reply = request.iq->result_reply();
  const auto element = xmpp::Stanza::parse(prefs.to_string());
  if (!element) return request.refuse(StanzaErrorCondition::internal_server_error);
  reply.root().add_copy(element->root());
  request.reply(reply);
}

asio::awaitable<void> get_prefs(Archive& archive, IqRequest request) {
  const auto document =
      co_await archive.documents.load(request.from.bare(), ArchivePrefs::document_name);
  if (document.has_error()) co_return request.refuse(condition_of(document.error()));
  reply_prefs(request, ArchivePrefs::read(*document));
}

asio::awaitable<void> set_prefs(Archive& archive, IqRequest request) {
  const auto prefs = ArchivePrefs::parse(request.payload);
  if (!prefs) co_return request.refuse(StanzaErrorCondition::bad_request);
  DocumentStore::Change change = [text =
                                      prefs->to_string()](std::string& document) -> Result<void> {
    document = text;
    return {};
  };
  const auto done = co_await archive.documents.edit(request.from.bare(),
                                                    ArchivePrefs::document_name, std::move(change));
  if (done.has_error()) co_return request.refuse(condition_of(done.error()));
  archive.store.forget_prefs(request.from);
  reply_prefs(request, *prefs);
}

}  // namespace

void add_archive(IqHandlers& handlers, ArchiveStore& store, DocumentStore& documents,
                 std::size_t page_max) {
  const std::string ns(xmpp::ns::archive);
  const auto archive = std::make_shared<Archive>(store, documents, page_max);
  const std::string retraction(xmpp::ns::retraction);
  for (const std::string& feature : {ns, ns + "#extended", std::string(xmpp::ns::stanza_ids),
                                     retraction, retraction + "#tombstone"}) {
    handlers.add_feature(IqTarget::account, feature);
  }
  handlers.add_feature(IqTarget::server, retraction);
  const auto add = [&](const char* type, const char* name, auto answer) {
    handlers.handle(IqTarget::account, type, ns, name, [archive, answer](const IqRequest& request) {
      answer_later(request, answer(*archive, request));
    });
    // hardening S9: nobody else's.
    handlers.handle(IqTarget::contact, type, ns, name, [](const IqRequest& request) {
      request.refuse(StanzaErrorCondition::forbidden);
    });
  };
  add("set", "query", answer_query);
  add("get", "metadata", answer_metadata);
  add("get", "prefs", get_prefs);
  add("set", "prefs", set_prefs);
  handlers.handle(IqTarget::account, "get", ns, "query", answer_form);
}

}  // namespace server
