#include "server/transfer/export.h"

#include <optional>
#include <utility>
#include <vector>

#include "server/storage/account_rows.h"
#include "server/storage/document_names.h"
#include "server/transfer/forms.h"
#include "server/transfer/namespaces.h"
#include "xmpp/escape.h"
#include "xmpp/namespaces.h"
#include "xmpp/sasl/base64.h"

namespace server {
namespace {

constexpr std::uint64_t page_rows = 200;

struct StoredAccount {
  std::string local;
  Result<Credentials> credentials;
};

struct DocumentForm {
  Moved what = Moved::other;
  std::optional<std::string> text;  ///< Empty where there is nothing to say, absent where damaged.
};

DocumentForm form_of(const std::string& name, const std::string& content) {
  std::string text;
  if (name == document_names::roster) {
    const auto roster = Roster::parse(content);
    if (!roster) return {Moved::roster, std::nullopt};
    append_roster(text, *roster);
    return {Moved::roster, text};
  }
  if (name == BlockList::document_name) {
    const auto list = BlockList::parse(content);
    if (!list) return {Moved::block_list, std::nullopt};
    append_block_list(text, *list);
    return {Moved::block_list, text};
  }
  if (name == document_names::vcard) {
    const auto vcard = xmpp::Stanza::parse(content);
    if (!vcard) return {Moved::vcard, std::nullopt};
    return {Moved::vcard, vcard->to_string("") + "\n"};
  }
  if (name == document_names::private_xml) {
    const auto stored = xmpp::Stanza::parse(content, xmpp::ns::client, file_limits);
    if (!stored) return {Moved::private_xml, std::nullopt};
    xmpp::Stanza query = xmpp::Stanza::make_element("query", xmpp::ns::private_xml);
    for (const xmpp::Element kept : xmpp::children(stored->root())) query.root().add_copy(kept);
    return {Moved::private_xml, query.to_string("") + "\n"};
  }
  return {Moved::other, "<document xmlns='" + std::string(transfer_ns::own) + "' name='" +
                            xmpp::escape_attr(name) + "'>" + xmpp::base64_encode(content) +
                            "</document>\n"};
}

class Export {
 public:
  Export(SqlDatabase& database, std::ostream& out,
         const std::function<void(const ExportFault&)>& on_fault)
      : database_(database), out_(out), on_fault_(on_fault) {}

  ExportReport run() {
    out_ << "<?xml version='1.0' encoding='UTF-8'?>\n<server-data xmlns='" << transfer_ns::pie
         << "'>\n";
    const auto done = write_domains();
    out_ << "</server-data>\n" << std::flush;
    if (done.has_error()) {
      const std::string detail = database_.health().last_failure;
      report_.failure = done.error().message() + (detail.empty() ? "" : ": " + detail);
    } else if (!out_) {
      report_.failure = "the file could not be written";
    }
    return std::move(report_);
  }

 private:
  Result<void> write_domains();
  Result<void> write_accounts(const std::string& domain);
  Result<void> write_account(const StoredAccount& account, const std::string& domain);
  Result<void> write_nodes(const std::vector<std::string>& names);
  Result<void> write_messages(Moved what);
  void write_document(const std::string& name, const std::string& content);

  template <class Visit>
  Result<void> each_row(std::string_view statement, SqlParameters parameters, Visit visit) {
    return database_.run(Repeat::unsafe, [&](SqlConnection& db) -> Result<void> {
      const auto rows = db.query(statement, parameters);
      while (rows->next()) visit(*rows);
      return {};
    });
  }
  Result<std::string> document(const std::string& name);
  void refuse(std::string why) {
    ++report_.faults;
    on_fault_({local_ + "@" + domain_, std::move(why)});
  }

  SqlDatabase& database_;
  std::ostream& out_;
  const std::function<void(const ExportFault&)>& on_fault_;
  ExportReport report_;
  std::string local_, domain_;  // Of the account that is written now.
};

Result<void> Export::write_domains() {
  std::vector<std::string> domains;
  const auto found = each_row("SELECT DISTINCT domainpart FROM users ORDER BY domainpart", {},
                              [&](const SqlRows& row) { domains.push_back(row.text(0)); });
  if (found.has_error()) return found;
  for (const std::string& domain : domains) {
    out_ << "<host jid='" << xmpp::escape_attr(domain) << "'>\n";
    if (const auto written = write_accounts(domain); written.has_error()) return written;
    out_ << "</host>\n";
  }
  return {};
}

Result<void> Export::write_accounts(const std::string& domain) {
  static const std::string statement =
      "SELECT localpart, " + std::string(credential_columns) +
      " FROM users WHERE domainpart = ? AND localpart > ? ORDER BY localpart LIMIT ?";
  std::string last;
  while (out_) {
    std::vector<StoredAccount> page;
    const std::vector<SqlParameter> from = {std::string_view(domain), std::string_view(last),
                                            page_rows};
    const auto found = each_row(statement, from, [&](const SqlRows& row) {
      page.push_back({row.text(0), credentials_at(row, 1)});
    });
    if (found.has_error()) return found;
    for (const StoredAccount& account : page) {
      if (const auto written = write_account(account, domain); written.has_error()) return written;
    }
    if (page.size() < page_rows) break;
    last = page.back().local;
  }
  return {};
}

Result<void> Export::write_account(const StoredAccount& account, const std::string& domain) {
  local_ = account.local;
  domain_ = domain;
  out_ << "<user name='" << xmpp::escape_attr(local_) << "'>\n";
  ++report_.counts[Moved::account].moved;
  std::string credentials;
  if (account.credentials.has_error()) {
    refuse("its credentials are damaged");
  } else {
    if (account.credentials->sha1) append_credentials(credentials, *account.credentials->sha1);
    if (account.credentials->sha256) append_credentials(credentials, *account.credentials->sha256);
  }
  out_ << credentials;

  std::vector<std::string> names, nodes;
  const std::vector<SqlParameter> whose = {std::string_view(local_), std::string_view(domain_)};
  const auto found = each_row(
      "SELECT name FROM documents WHERE localpart = ? AND domainpart = ? ORDER BY name", whose,
      [&](const SqlRows& row) {
        std::string name = row.text(0);
        (name.starts_with(document_names::pep_prefix) ? nodes : names).push_back(std::move(name));
      });
  if (found.has_error()) return found;
  for (const std::string& name : names) {
    const auto content = document(name);
    if (content.has_error()) return content.error();
    write_document(name, *content);
  }
  Result<void> written = write_nodes(nodes);
  for (const Moved messages : {Moved::offline_message, Moved::archived_message}) {
    if (written.has_value()) written = write_messages(messages);
  }
  out_ << "</user>\n";
  return written;
}

Result<std::string> Export::document(const std::string& name) {
  std::string content;
  const std::vector<SqlParameter> which = {std::string_view(local_), std::string_view(domain_),
                                           std::string_view(name)};
  const auto found =
      each_row("SELECT content FROM documents WHERE localpart = ? AND domainpart = ? AND name = ?",
               which, [&](const SqlRows& row) { content = row.text(0); });
  if (found.has_error()) return found.error();
  return content;
}

void Export::write_document(const std::string& name, const std::string& content) {
  const auto [what, text] = form_of(name, content);
  if (!text) return refuse("its document " + name + " is damaged");
  if (text->empty()) return;  // Such as a roster from which all contacts were removed.
  ++report_.counts[what].moved;
  out_ << *text;
}

// XEP-0227 §3.10: how the nodes are set up in one element, what they hold in another.
Result<void> Export::write_nodes(const std::vector<std::string>& names) {
  const auto write_all = [&](std::string_view ns, auto append) -> Result<void> {
    out_ << "<pubsub xmlns='" << ns << "'>\n";
    for (const std::string& name : names) {
      const auto content = document(name);
      if (content.has_error()) return content.error();
      const auto node = PepNode::parse(*content);
      if (!node || !node->exists()) {
        if (ns == xmpp::ns::pubsub) refuse("its document " + name + " is damaged");
        continue;
      }
      std::string text;
      append(text, name.substr(std::string_view(document_names::pep_prefix).size()), *node);
      out_ << text;
    }
    out_ << "</pubsub>\n";
    return {};
  };
  if (names.empty()) return {};
  auto written = write_all(xmpp::ns::pubsub_owner,
                           [&](std::string& text, const std::string& name, const PepNode& node) {
                             append_node_config(text, name, node.config());
                             ++report_.counts[Moved::pep_node].moved;
                           });
  if (written.has_error()) return written;
  return write_all(xmpp::ns::pubsub, append_node_items);
}

Result<void> Export::write_messages(Moved what) {
  const bool is_archive = what == Moved::archived_message;
  const std::string_view statement =
      is_archive ? "SELECT arrived, origin, stanza FROM archive WHERE localpart = ?"
                   " AND domainpart = ? AND arrived >= ? AND (arrived > ? OR origin > ?)"
                   " ORDER BY arrived, origin LIMIT ?"
                 : "SELECT arrived, origin, stanza FROM offline_messages WHERE localpart = ?"
                   " AND domainpart = ? AND arrived >= ? AND (arrived > ? OR origin > ?)"
                   " ORDER BY arrived, origin LIMIT ?";
  MessageId last;
  for (bool is_first = true;; is_first = false) {
    std::vector<std::pair<MessageId, std::string>> page;
    const std::vector<SqlParameter> from = {std::string_view(local_),
                                            std::string_view(domain_),
                                            last.at,
                                            last.at,
                                            last.origin,
                                            page_rows};
    const auto found = each_row(statement, from, [&](const SqlRows& row) {
      page.emplace_back(MessageId{row.number(0), row.number(1)}, row.text(2));
    });
    if (found.has_error()) return found;
    std::string text;
    for (const auto& [id, stanza] : page) {
      const std::size_t before = text.size();
      if (is_archive) {
        append_archived(text, stanza, id);
      } else {
        append_offline(text, stanza, id, domain_);
      }
      if (text.size() == before) {
        refuse("a stored message is damaged: " + to_text(id));
      } else {
        ++report_.counts[what].moved;
      }
    }
    if (is_first && page.empty()) return {};
    if (is_first) {
      out_ << (is_archive ? "<archive xmlns='" + std::string(transfer_ns::archive) + "'>\n"
                          : std::string("<offline-messages>\n"));
    }
    out_ << text;
    if (page.size() < page_rows) break;
    last = page.back().first;
  }
  out_ << (is_archive ? "</archive>\n" : "</offline-messages>\n");
  return {};
}

}  // namespace

ExportReport export_accounts(SqlDatabase& database, std::ostream& out,
                             const std::function<void(const ExportFault&)>& on_fault) {
  return Export(database, out, on_fault).run();
}

}  // namespace server
