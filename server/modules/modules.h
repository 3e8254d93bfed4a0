#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "server/session/iq_handlers.h"

namespace server {

namespace asio = boost::asio;

class Accounts;
class ArchiveStore;
class BlockingPool;
class BlockLists;
class DocumentStore;
class LastActivities;
class Pep;
class Rosters;
class Router;
class SessionDirectory;
class UserStore;

/// What a module may use. Outlives the handlers that it registers.
struct ModuleContext {
  std::string version;
  UserStore& users;
  BlockingPool& hashing;
  DocumentStore& documents;
  Rosters& rosters;
  BlockLists& blocks;
  Accounts& accounts;
  LastActivities& last_activities;
  SessionDirectory& directory;
  Router& router;
  Pep& pep;
  ArchiveStore* archive = nullptr;     ///< None: nothing is archived.
  std::size_t archive_page_max = 100;  ///< Messages in an answer.
};

// One XEP, one file; each adds what it answers. The list of them is modules.cc.
void add_archive(IqHandlers& handlers, ArchiveStore& store, DocumentStore& documents,
                 std::size_t page_max);                              // XEP-0313
void add_blocking(IqHandlers& handlers, BlockLists& blocks);         // XEP-0191
void add_carbons(IqHandlers& handlers);                              // XEP-0280
void add_disco(IqHandlers& handlers, const ModuleContext& context);  // XEP-0030
void add_last_activity(IqHandlers& handlers, LastActivities& activities, Rosters& rosters,
                       BlockLists& blocks, SessionDirectory& directory,
                       Router& router);                                          // XEP-0012
void add_legacy_session(IqHandlers& handlers, const ModuleContext& context);     // RFC 3921 §3
void add_pep(IqHandlers& handlers, Pep& pep, BlockLists& blocks);                // XEP-0163
void add_ping(IqHandlers& handlers, const ModuleContext& context);               // XEP-0199
void add_private_xml(IqHandlers& handlers, DocumentStore& documents, Pep& pep);  // XEP-0049
void add_registration(IqHandlers& handlers, const ModuleContext& context);       // XEP-0077
void add_roster(IqHandlers& handlers, Rosters& rosters);                         // RFC 6121 §2
void add_time(IqHandlers& handlers, const ModuleContext& context);               // XEP-0202
void add_vcard(IqHandlers& handlers, DocumentStore& documents, Pep& pep,
               BlockLists& blocks);                                    // XEP-0054, 0398
void add_version(IqHandlers& handlers, const ModuleContext& context);  // XEP-0092

/// Registers all modules.
void add_modules(IqHandlers& handlers, const ModuleContext& context);

/// Runs `work`, which answers `request` after it has waited, on the request's loop.
void answer_later(const IqRequest& request, asio::awaitable<void> work);

/// Registers what others may ask (`get`) of an account. Who is blocked by it is refused with
/// `unseen`, which is what they hear who ask about an account that is not there (hardening S11).
void handle_for_contact(IqHandlers& handlers, BlockLists& blocks, std::string_view ns,
                        std::string name, xmpp::StanzaErrorCondition unseen,
                        IqHandlers::Handler handler);

/// XEP-0077 §3.1, before login: answers the registration IQ of somebody who has no account yet.
void register_before_login(const ModuleContext& context, const xmpp::Stanza& iq, std::string domain,
                           std::function<void(const xmpp::Stanza&)> reply,
                           asio::any_io_executor home);

}  // namespace server
