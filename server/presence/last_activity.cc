#include "server/presence/last_activity.h"

#include <boost/asio/co_spawn.hpp>
#include <charconv>
#include <chrono>
#include <exception>
#include <utility>

#include "server/log/log.h"
#include "xmpp/namespaces.h"
#include "xmpp/stanza.h"

namespace server {
namespace {

constexpr const char* document_name = "last";  // The time, a line's end, the status.

asio::awaitable<void> store(DocumentStore& documents, xmpp::Jid account, std::string document) {
  DocumentStore::Change change = [document =
                                      std::move(document)](std::string& kept) -> Result<void> {
    kept = document;
    return {};
  };
  (void)co_await documents.edit(std::move(account), document_name, std::move(change));
}

}  // namespace

void LastActivities::note(xmpp::Jid account, const xmpp::SharedText& presence, RoutedLoop& here) {
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::system_clock::now().time_since_epoch());
  std::string document = std::to_string(now.count()) + '\n';
  if (const auto parsed = xmpp::Stanza::parse(presence)) {
    const std::string status = parsed->root().child("status", xmpp::ns::client).text();
    if (status.size() <= status_bytes_max) document += status;
  }
  asio::co_spawn(here.loop.executor(), store(documents_, std::move(account), std::move(document)),
                 [](std::exception_ptr failed) {
                   if (failed) log::failed_unexpectedly("presence", failed);
                 });
}

asio::awaitable<Result<std::optional<LastActivity>>> LastActivities::find(xmpp::Jid account) {
  const auto document = co_await documents_.load(std::move(account), document_name);
  if (document.has_error()) co_return document.error();
  if (document->empty()) co_return std::optional<LastActivity>();
  LastActivity last;
  const std::size_t end = document->find('\n');
  if (end == std::string::npos) co_return make_error_code(StorageErrc::broken);
  std::from_chars(document->data(), document->data() + end, last.at);
  last.status = document->substr(end + 1);
  co_return std::optional(std::move(last));
}

}  // namespace server
