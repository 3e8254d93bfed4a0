#include <algorithm>

#include "server/transfer/forms.h"
#include "xmpp/escape.h"
#include "xmpp/namespaces.h"

namespace server {
namespace {

constexpr std::string_view access_field = "pubsub#access_model";

PepConfig config_of(const std::optional<PepFields>& fields) {
  PepConfig config;
  if (!fields) {
    config.access = PepAccess::whitelist;
    return config;
  }
  // One by one: what is not known here is passed over (XEP-0227 §3.10.1), but for who may read.
  for (const auto& field : *fields) {
    const auto& [name, value] = field;
    if (value.empty()) continue;
    if (const auto configured_so = configured(config, {field})) {
      config = *configured_so;
    } else if (name == access_field) {
      config.access = PepAccess::whitelist;
    }
  }
  return config;
}

}  // namespace

void append_node_config(std::string& out, const std::string& node, const PepConfig& config) {
  xmpp::Stanza configure = xmpp::Stanza::make_element("configure", xmpp::ns::pubsub_owner);
  configure.root().set_attr("node", node);
  add_config_form(configure.root(), config);
  out += configure.to_string(xmpp::ns::pubsub_owner) + "\n";
}

void append_node_items(std::string& out, const std::string& node, const PepNode& content) {
  out += "<items node='" + xmpp::escape_attr(node) + "'>\n";
  for (const PepItem& item : content.items()) {
    out += "<item id='" + xmpp::escape_attr(item.id) + "'>";
    if (const auto payload = xmpp::Stanza::parse(item.payload, xmpp::ns::client, file_limits)) {
      out += payload->to_string(xmpp::ns::pubsub);
    }
    out += "</item>\n";
  }
  out += "</items>\n";
}

PepNode node_of(NodeDraft draft) {
  PepConfig config = config_of(draft.fields);
  if (!draft.items.empty()) {
    config.is_persistent = true;
    config.items_max =
        std::min(std::max(config.items_max, draft.items.size()), PepConfig::items_most);
  }
  PepNode node;
  node.create(config);
  for (PepItem& item : draft.items) node.publish(std::move(item));
  return node;
}

std::vector<PepItem> read_items(xmpp::Element items, std::vector<LeftOut>& left_out) {
  std::vector<PepItem> read;
  for (const xmpp::Element item : xmpp::children(items)) {
    if (!item.is("item", xmpp::ns::pubsub)) continue;
    if (!item.has_attr("id")) {
      left_out.push_back({"an item without id of node " + std::string(items.attr("node"))});
      continue;
    }
    const xmpp::Element payload = item.first_child();
    read.push_back({std::string(item.attr("id")), payload ? payload.to_string() : std::string()});
  }
  if (read.size() > PepConfig::items_most) {
    left_out.push_back({std::to_string(read.size() - PepConfig::items_most) +
                        " old items of node " + std::string(items.attr("node"))});
  }
  return read;
}

}  // namespace server
