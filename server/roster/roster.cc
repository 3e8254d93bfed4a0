#include "server/roster/roster.h"

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <set>
#include <utility>

namespace server {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 3> half_names = {"none", "pending", "active"};

std::uint64_t seconds_now() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

RosterItem stranger(std::string_view contact) {
  RosterItem item;
  item.contact = contact;
  return item;
}

RosterChange refused(xmpp::StanzaErrorCondition condition) {
  RosterChange change;
  change.refusal = condition;
  return change;
}

/// Whether clients are shown the same (RFC 6121 §2.1.2).
bool looks_alike(const RosterItem& a, const RosterItem& b) {
  if (a.is_listed != b.is_listed) return false;
  if (!a.is_listed) return true;
  return a.name == b.name && a.groups == b.groups &&
         subscription_name(a.subscription) == subscription_name(b.subscription) &&
         (a.subscription.to == Half::pending) == (b.subscription.to == Half::pending) &&
         a.subscription.approved == b.subscription.approved;
}

/// Defaults are left out: most items are a line.
json::object to_json(const RosterItem& item) {
  json::object object{{"jid", item.contact}};
  const auto& [to, from, approved] = item.subscription;
  if (to != Half::none) object["to"] = half_names.at(static_cast<std::size_t>(to));
  if (from != Half::none) object["from"] = half_names.at(static_cast<std::size_t>(from));
  if (approved) object["approved"] = true;
  if (!item.name.empty()) object["name"] = item.name;
  if (!item.groups.empty()) object["groups"] = json::array(item.groups.begin(), item.groups.end());
  if (!item.is_listed) object["listed"] = false;
  if (item.version != 0) object["version"] = item.version;
  if (!item.request.empty()) object["request"] = item.request;
  return object;
}

std::string text_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::uint64_t number_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  boost::system::error_code unfit;
  return value != nullptr && value->is_number() ? value->to_number<std::uint64_t>(unfit) : 0;
}

bool flag_at(const json::object& object, std::string_view key, bool otherwise) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_bool() ? value->get_bool() : otherwise;
}

Half half_at(const json::object& object, std::string_view key) {
  const std::string name = text_at(object, key);
  const auto found = std::find(half_names.begin(), half_names.end(), name);
  return found == half_names.end() ? Half::none : static_cast<Half>(found - half_names.begin());
}

/// Where the contact is in `items`, or would be.
auto place_of(auto& items, std::string_view contact) {
  return std::ranges::lower_bound(
      items, contact, {}, [](const RosterItem& item) { return std::string_view(item.contact); });
}

RosterItem item_of(const json::object& object) {
  RosterItem item;
  item.contact = text_at(object, "jid");
  item.name = text_at(object, "name");
  if (const json::value* groups = object.if_contains("groups"); groups && groups->is_array()) {
    for (const json::value& group : groups->get_array()) {
      if (group.is_string()) item.groups.emplace_back(group.get_string());
    }
  }
  item.subscription = {half_at(object, "to"), half_at(object, "from"),
                       flag_at(object, "approved", false)};
  item.is_listed = flag_at(object, "listed", true);
  item.version = number_at(object, "version");
  item.request = text_at(object, "request");
  return item;
}

}  // namespace

std::optional<Roster> Roster::parse(std::string_view text) {
  Roster roster;
  if (text.empty()) return roster;
  boost::system::error_code error;
  const json::value parsed = json::parse(text, error);
  if (error || !parsed.is_object()) return std::nullopt;
  const json::object& object = parsed.get_object();
  const json::value* items = object.if_contains("items");
  if (items == nullptr || !items->is_array()) return std::nullopt;
  roster.version_ = number_at(object, "version");
  roster.removed_at_ = number_at(object, "removed_at");
  for (const json::value& value : items->get_array()) {
    if (!value.is_object()) return std::nullopt;
    roster.items_.push_back(item_of(value.get_object()));
    if (roster.items_.back().contact.empty()) return std::nullopt;
  }
  std::ranges::sort(roster.items_, {}, &RosterItem::contact);
  return roster;
}

Roster Roster::of(std::vector<RosterItem> items) {
  Roster roster;
  roster.version_ = roster.removed_at_ = seconds_now();
  roster.items_ = std::move(items);
  for (RosterItem& item : roster.items_) item.version = roster.version_;
  std::ranges::sort(roster.items_, {}, &RosterItem::contact);
  return roster;
}

std::vector<std::string> Roster::contacts_in(std::string_view text) {
  std::vector<std::string> contacts;
  const auto roster = parse(text);
  if (!roster) return contacts;
  for (const RosterItem& item : roster->items()) {
    if (item.is_listed) contacts.push_back(item.contact);
  }
  return contacts;
}

std::string Roster::to_string() const {
  if (version_ == 0 && items_.empty()) return {};
  json::array items;
  for (const RosterItem& item : items_) items.push_back(to_json(item));
  return json::serialize(json::object{
      {"version", version_}, {"removed_at", removed_at_}, {"items", std::move(items)}});
}

const RosterItem* Roster::find(std::string_view contact) const {
  const auto place = place_of(items_, contact);
  return place != items_.end() && place->contact == contact ? &*place : nullptr;
}

std::size_t Roster::listed() const {
  return static_cast<std::size_t>(std::ranges::count_if(items_, &RosterItem::is_listed));
}

// The one place where an item changes: versions, pushes and what is kept follow from before and
// after.
RosterChange Roster::replace(std::string_view contact, RosterItem after) {
  const auto place = place_of(items_, contact);
  const bool was_there = place != items_.end() && place->contact == contact;
  const RosterItem before = was_there ? *place : stranger(contact);
  RosterChange change;
  change.before = before.subscription;
  if (after.subscription.from != Half::pending) after.request.clear();
  if (!looks_alike(before, after)) {
    version_ = version_ == 0 ? seconds_now() : version_ + 1;
    after.version = version_;
    if (!after.is_listed) removed_at_ = version_;
    change.push = after;
  }
  change.version = version_;
  const bool is_kept = after.is_listed || after.subscription.from == Half::pending;
  if (was_there && is_kept) {
    *place = std::move(after);
  } else if (was_there) {
    items_.erase(place);
  } else if (is_kept) {
    items_.insert(place, std::move(after));
  }
  return change;
}

RosterChange Roster::set(std::string_view contact, std::string_view name,
                         std::vector<std::string> groups, const RosterLimits& limits) {
  // RFC 6121 §2.3.3
  if (name.size() > limits.name_bytes_max || groups.size() > limits.groups_max) {
    return refused(xmpp::StanzaErrorCondition::not_acceptable);
  }
  for (const std::string& group : groups) {
    if (group.empty() || group.size() > limits.name_bytes_max) {
      return refused(xmpp::StanzaErrorCondition::not_acceptable);
    }
  }
  std::ranges::sort(groups);
  if (std::ranges::adjacent_find(groups) != groups.end()) {
    return refused(xmpp::StanzaErrorCondition::bad_request);
  }
  const RosterItem* known = find(contact);
  if ((known == nullptr || !known->is_listed) && listed() >= limits.items_max) {
    return refused(xmpp::StanzaErrorCondition::resource_constraint);
  }
  RosterItem item = known != nullptr ? *known : stranger(contact);
  item.name = name;
  item.groups = std::move(groups);
  item.is_listed = true;
  return replace(contact, std::move(item));
}

RosterChange Roster::remove(std::string_view contact) {
  const RosterItem* known = find(contact);
  if (known == nullptr || !known->is_listed) {
    return refused(xmpp::StanzaErrorCondition::item_not_found);
  }
  return replace(contact, stranger(contact));
}

RosterChange Roster::send(std::string_view contact, SubscriptionRequest request,
                          const RosterLimits& limits) {
  const RosterItem* known = find(contact);
  RosterItem item = known != nullptr ? *known : stranger(contact);
  const SubscriptionStep step = on_sent(item.subscription, request);
  // RFC 6121 §3.1.2, §3.1.5, §3.4.2: whom one asks, grants or approves gets into the roster.
  const bool is_shown = item.is_listed || step.after.to != Half::none ||
                        step.after.from == Half::active || step.after.approved;
  if (is_shown && !item.is_listed && listed() >= limits.items_max) {
    return refused(xmpp::StanzaErrorCondition::resource_constraint);
  }
  item.subscription = step.after;
  item.is_listed = is_shown;
  RosterChange change = replace(contact, std::move(item));
  change.goes_on = step.goes_on;
  return change;
}

RosterChange Roster::receive(std::string_view contact, SubscriptionRequest request,
                             std::string_view stanza, const RosterLimits& limits) {
  const RosterItem* known = find(contact);
  RosterItem item = known != nullptr ? *known : stranger(contact);
  const SubscriptionStep step = on_received(item.subscription, request);
  if (step.after.from == Half::pending && item.subscription.from != Half::pending) {
    const auto waiting = std::ranges::count_if(
        items_, [](const RosterItem& other) { return other.subscription.from == Half::pending; });
    if (static_cast<std::size_t>(waiting) >= limits.requests_max) {
      return refused(xmpp::StanzaErrorCondition::resource_constraint);
    }
    if (stanza.size() <= limits.request_bytes_max) item.request = stanza;
  }
  item.subscription = step.after;
  RosterChange change = replace(contact, std::move(item));
  change.goes_on = step.goes_on;
  change.grants = step.grants;
  return change;
}

}  // namespace server
