#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/transfer/forms.h"
#include "server/transfer/import_batch.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

namespace server {

/// An account as it is put together from the elements of a file, in whatever order they come. What
/// can be long, its messages, is none of it.
class AccountDraft {
 public:
  AccountDraft(xmpp::Jid account, std::size_t line, std::optional<xmpp::Secret> password);

  [[nodiscard]] const xmpp::Jid& account() const { return row_.account; }

  /// Takes an element up, which stands below the user or in the box of its PEP. False when it is
  /// of no kind that is known.
  bool take(xmpp::Element element);

  /// What was left out since it was last asked.
  std::vector<LeftOut> take_left_out() { return std::exchange(left_out_, {}); }

  /// The account with the keys that are known by now.
  [[nodiscard]] AccountRow row() const { return row_; }

  /// All else. The last call.
  std::vector<DocumentRow> documents();

 private:
  void take_credentials(xmpp::Element credentials);
  void take_roster(xmpp::Element query);
  void take_contact(Form<RosterItem> item);
  void take_private(xmpp::Element query);
  void take_blocked(ReadBlockList read);
  void take_own(xmpp::Element document);
  void add_element(Moved what, std::string name, std::string xml, const xmpp::StreamLimits& limits);
  void add(Moved what, std::string name, std::string content);
  NodeDraft& node(xmpp::Element element) { return nodes_[std::string(element.attr("node"))]; }

  AccountRow row_;
  std::map<std::string, RosterItem> contacts_;
  std::map<std::string, NodeDraft> nodes_;
  std::vector<std::string> blocked_;
  std::optional<xmpp::Stanza> private_;
  std::vector<DocumentRow> documents_;
  std::vector<LeftOut> left_out_;
};

}  // namespace server
