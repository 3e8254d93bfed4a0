#include "server/transfer/account_draft.h"

#include <algorithm>
#include <array>
#include <utility>

#include "server/storage/document_names.h"
#include "server/storage/key.h"
#include "server/transfer/namespaces.h"
#include "xmpp/namespaces.h"
#include "xmpp/sasl/base64.h"

namespace server {
namespace {

constexpr std::size_t document_bytes_max = 16'777'215;  // Of a column.

/// A list that is longer than clients may make theirs is taken whole.
constexpr BlockLimits blocked_max = {.jids_max = 100'000, .bytes_max = 8 << 20};

/// Whether an export has a form of its own for the document.
bool has_form(std::string_view name) {
  constexpr std::array<std::string_view, 4> whole = {document_names::roster, document_names::vcard,
                                                     document_names::private_xml,
                                                     BlockList::document_name};
  return name.starts_with(document_names::pep_prefix) ||
         std::ranges::find(whole, name) != whole.end();
}

/// Private data is read with these by server/modules/private_xml.cc; a vCard by the usual ones.
constexpr xmpp::StreamLimits private_limits = {
    .bytes_max = 1024 * 1024, .elements_max = 32'768, .depth_max = 66, .attributes_max = 64};

}  // namespace

AccountDraft::AccountDraft(xmpp::Jid account, std::size_t line,
                           std::optional<xmpp::Secret> password)
    : row_{.account = std::move(account), .line = line} {
  if (!password) return;
  const auto keys = keys_in_password(password->reveal());
  if (!keys) {
    row_.password = std::move(password);
  } else if (keys->has_error()) {
    left_out_.push_back(keys->error());
  } else if ((*keys)->hash == xmpp::ScramHash::sha1) {
    row_.keys.sha1 = **keys;
  } else {
    row_.keys.sha256 = **keys;
  }
}

bool AccountDraft::take(xmpp::Element element) {
  if (element.is("scram-credentials", transfer_ns::scram)) {
    take_credentials(element);
  } else if (element.is("query", xmpp::ns::roster)) {
    take_roster(element);
  } else if (element.is("presence", xmpp::ns::client) || element.is("presence", transfer_ns::pie)) {
    if (element.attr("type") == "subscribe") take_contact(read_request(element, account()));
  } else if (element.is("vCard", xmpp::ns::vcard)) {
    add_element(Moved::vcard, document_names::vcard, element.to_string(),
                xmpp::StreamLimits::server());
  } else if (element.is("query", xmpp::ns::private_xml)) {
    take_private(element);
  } else if (element.is("query", transfer_ns::privacy)) {
    take_blocked(read_privacy_lists(element));
  } else if (element.is("blocklist", xmpp::ns::blocking)) {
    take_blocked(read_block_list(element));
  } else if (element.is("configure", xmpp::ns::pubsub_owner)) {
    node(element).fields = config_fields(element.child("x", xmpp::ns::data_forms));
  } else if (element.is("items", xmpp::ns::pubsub)) {
    std::vector<PepItem> items = read_items(element, left_out_);
    std::ranges::move(items, std::back_inserter(node(element).items));
  } else if (element.is("document", transfer_ns::own)) {
    take_own(element);
  } else {
    return false;
  }
  return true;
}

void AccountDraft::take_credentials(xmpp::Element credentials) {
  auto keys = read_credentials(credentials);
  if (keys.has_error()) {
    left_out_.push_back(keys.error());
  } else if (keys->hash == xmpp::ScramHash::sha1) {
    row_.keys.sha1 = *std::move(keys);
  } else {
    row_.keys.sha256 = *std::move(keys);
  }
}

void AccountDraft::take_roster(xmpp::Element query) {
  for (const xmpp::Element item : xmpp::children(query)) {
    if (item.is("item", xmpp::ns::roster)) take_contact(read_roster_item(item, account()));
  }
}

// A contact comes as an item, as one who asks, or as both.
void AccountDraft::take_contact(Form<RosterItem> item) {
  if (item.has_error()) return left_out_.push_back(item.error());
  const auto [known, is_new] = contacts_.try_emplace(item->contact, *item);
  if (is_new) return;
  RosterItem& contact = known->second;
  if (contact.is_listed && item->is_listed) {
    left_out_.push_back({"the second item of contact " + contact.contact});
    return;
  }
  const bool asks = contact.subscription.from == Half::pending;
  const std::string request = asks ? contact.request : item->request;
  if (item->is_listed) contact = *item;
  if (contact.subscription.from != Half::active) {
    contact.subscription.from = Half::pending;
    contact.request = request;
  }
}

void AccountDraft::take_private(xmpp::Element query) {
  if (!private_) private_ = xmpp::Stanza::make_element("stored", xmpp::ns::private_xml);
  for (const xmpp::Element stored : xmpp::children(query)) private_->root().add_copy(stored);
}

void AccountDraft::take_blocked(ReadBlockList read) {
  std::ranges::move(read.jids, std::back_inserter(blocked_));
  for (std::string& why : read.left_out) left_out_.push_back({std::move(why)});
}

// What has a form of its own is not taken from here: nobody would have looked at it.
void AccountDraft::take_own(xmpp::Element document) {
  std::string name(document.attr("name"));
  auto content = xmpp::base64_decode(document.text());
  if (!content || has_form(name)) {
    left_out_.push_back({"a document of Meerkat's own that is none: " + name});
    return;
  }
  add(Moved::other, std::move(name), *std::move(content));
}

// What clients could not get again is no use to them.
void AccountDraft::add_element(Moved what, std::string name, std::string xml,
                               const xmpp::StreamLimits& limits) {
  if (!xmpp::Stanza::parse(xml, xmpp::ns::client, limits)) {
    left_out_.push_back({name + ": more than this server would give out"});
    return;
  }
  add(what, std::move(name), std::move(xml));
}

void AccountDraft::add(Moved what, std::string name, std::string content) {
  if (content.empty()) return;
  if (check_key(name) || content.size() > document_bytes_max) {
    left_out_.push_back({name + ": its name or its content is too long"});
    return;
  }
  // XEP-0227 allows one of each. The first counts, as it does where it is stored already.
  const auto is_same = [&](const DocumentRow& other) { return other.name == name; };
  if (std::ranges::any_of(documents_, is_same)) {
    left_out_.push_back({"the second " + name});
    return;
  }
  documents_.push_back({account(), what, std::move(name), std::move(content)});
}

std::vector<DocumentRow> AccountDraft::documents() {
  if (!contacts_.empty()) {
    std::vector<RosterItem> items;
    items.reserve(contacts_.size());
    for (auto& [contact, item] : contacts_) items.push_back(std::move(item));
    add(Moved::roster, document_names::roster, Roster::of(std::move(items)).to_string());
  }
  if (private_) {
    add_element(Moved::private_xml, document_names::private_xml, private_->to_string(),
                private_limits);
  }
  if (!blocked_.empty()) {
    BlockList list;
    if (!list.block(blocked_, blocked_max)) left_out_.push_back({"a block list that is too long"});
    add(Moved::block_list, BlockList::document_name, list.to_string());
  }
  for (auto& [name, draft] : nodes_) {
    add(Moved::pep_node, document_names::pep_prefix + name, node_of(std::move(draft)).to_string());
  }
  return std::move(documents_);
}

}  // namespace server
