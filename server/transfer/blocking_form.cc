#include <algorithm>
#include <charconv>
#include <optional>

#include "server/transfer/forms.h"
#include "server/transfer/namespaces.h"
#include "xmpp/escape.h"
#include "xmpp/namespaces.h"

namespace server {
namespace {

constexpr std::string_view list_name = "blocked";

std::uint64_t order_of(xmpp::Element item) {
  const std::string_view text = item.attr("order");
  std::uint64_t order = UINT64_MAX;
  std::from_chars(text.data(), text.data() + text.size(), order);
  return order;
}

/// All kinds of stanzas: none named, or each of the four (XEP-0016 §2.1).
bool is_of_all_kinds(xmpp::Element item) {
  std::size_t named = 0;
  for ([[maybe_unused]] const xmpp::Element kind : xmpp::children(item)) ++named;
  return named == 0 || named == 4;
}

std::string in_words(xmpp::Element list, xmpp::Element item) {
  return "privacy list " + std::string(list.attr("name")) + ": the rule of order " +
         std::string(item.attr("order"));
}

/// The list that is in force for who has chosen none. Without a default one, the only one there is.
xmpp::Element list_in_force(xmpp::Element query) {
  const xmpp::Element by_default = query.child("default", transfer_ns::privacy);
  xmpp::Element only;
  std::size_t lists = 0;
  for (const xmpp::Element list : xmpp::children(query)) {
    if (!list.is("list", transfer_ns::privacy)) continue;
    if (by_default && list.attr("name") == by_default.attr("name")) return list;
    only = list;
    ++lists;
  }
  return !by_default && lists == 1 ? only : xmpp::Element();
}

}  // namespace

void append_block_list(std::string& out, const BlockList& list) {
  const std::vector<std::string> jids = list.jids();
  if (jids.empty()) return;
  out.append("<query xmlns='").append(transfer_ns::privacy).append("'><default name='");
  out.append(list_name).append("'/><list name='").append(list_name).append("'>\n");
  std::size_t order = 0;
  for (const std::string& jid : jids) {
    out += "<item type='jid' value='" + xmpp::escape_attr(jid) + "' action='deny' order='" +
           std::to_string(++order) + "'/>\n";
  }
  out += "</list></query>\n";
}

ReadBlockList read_privacy_lists(xmpp::Element query) {
  ReadBlockList read;
  const xmpp::Element chosen = list_in_force(query);
  for (const xmpp::Element list : xmpp::children(query)) {
    if (list.is("list", transfer_ns::privacy) && list != chosen) {
      read.left_out.push_back("privacy list " + std::string(list.attr("name")) +
                              ", which is not the default");
    }
  }
  if (!chosen) return read;
  std::vector<xmpp::Element> items;
  for (const xmpp::Element item : xmpp::children(chosen)) items.push_back(item);
  std::ranges::stable_sort(items, {}, order_of);
  for (const xmpp::Element item : items) {
    const bool allows = item.attr("action") == "allow";
    // What is allowed to all in the end is what no rule says.
    if (allows && item.attr("type").empty() && item == items.back()) continue;
    const auto jid = xmpp::Jid::parse(item.attr("value"));
    if (allows || item.attr("type") != "jid" || !is_of_all_kinds(item) || !jid) {
      read.left_out.push_back(in_words(chosen, item));
    } else {
      read.jids.emplace_back(jid->str());
    }
  }
  return read;
}

ReadBlockList read_block_list(xmpp::Element blocklist) {
  ReadBlockList read;
  for (const xmpp::Element item : xmpp::children(blocklist)) {
    if (const auto jid = xmpp::Jid::parse(item.attr("jid"))) {
      read.jids.emplace_back(jid->str());
    } else {
      read.left_out.push_back("a blocked address that is none: " + std::string(item.attr("jid")));
    }
  }
  return read;
}

}  // namespace server
