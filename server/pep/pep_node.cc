#include "server/pep/pep_node.h"

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <utility>

#include "xmpp/namespaces.h"

namespace server {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 3> access_names = {"open", "presence", "whitelist"};

/// Fields that can have but one value here, with it: what a node does anyway.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> fixed_fields = {{
    {"pubsub#deliver_notifications", "1"},
    {"pubsub#deliver_payloads", "1"},
    {"pubsub#notify_delete", "1"},
    {"pubsub#notify_retract", "1"},
    {"pubsub#notification_type", "headline"},
}};

std::optional<PepAccess> access_of(std::string_view name) {
  const auto found = std::find(access_names.begin(), access_names.end(), name);
  if (found == access_names.end()) return std::nullopt;
  return static_cast<PepAccess>(found - access_names.begin());
}

std::optional<bool> flag_of(std::string_view text) {
  if (text == "1" || text == "true") return true;
  if (text == "0" || text == "false") return false;
  return std::nullopt;
}

/// A value that is not possible makes this false.
bool set_field(PepConfig& config, std::string_view name, const std::string& value) {
  if (name == "pubsub#access_model") {
    const auto access = access_of(value);
    config.access = access.value_or(config.access);
    return access.has_value();
  }
  if (name == "pubsub#persist_items") {
    const auto flag = flag_of(value);
    config.is_persistent = flag.value_or(false);
    return flag.has_value();
  }
  if (name == "pubsub#max_items") {
    if (value == "max") {
      config.items_max = PepConfig::items_most;
      return true;
    }
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    config.items_max = std::min(number, PepConfig::items_most);
    return error == std::errc() && end == value.data() + value.size() && number > 0;
  }
  if (name == "pubsub#send_last_published_item") {
    config.sends_last = value == "on_sub_and_presence";
    return config.sends_last || value == "never" || value == "on_sub";
  }
  for (const auto& [fixed, only] : fixed_fields) {
    if (fixed == name) return value == only || (only == "1" && value == "true");
  }
  return false;
}

void add_field(xmpp::Element form, std::string_view name, std::string_view value) {
  xmpp::Element field = form.add_child("field", xmpp::ns::data_forms);
  field.set_attr("var", name);
  field.add_child("value", xmpp::ns::data_forms).set_text(value);
}

}  // namespace

PepFields config_fields(xmpp::Element form) {
  PepFields fields;
  for (const xmpp::Element field : xmpp::children(form)) {
    if (!field.is("field", xmpp::ns::data_forms) || field.attr("var") == "FORM_TYPE") continue;
    fields.emplace_back(field.attr("var"), field.child("value", xmpp::ns::data_forms).text());
  }
  return fields;
}

std::optional<PepConfig> configured(const PepConfig& base, const PepFields& fields) {
  PepConfig config = base;
  for (const auto& [name, value] : fields) {
    if (!set_field(config, name, value)) return std::nullopt;
  }
  return config;
}

void add_config_form(xmpp::Element parent, const PepConfig& config) {
  xmpp::Element form = parent.add_child("x", xmpp::ns::data_forms);
  form.set_attr("type", "form");
  xmpp::Element type = form.add_child("field", xmpp::ns::data_forms);
  type.set_attr("var", "FORM_TYPE");
  type.set_attr("type", "hidden");
  type.add_child("value", xmpp::ns::data_forms)
      .set_text("http://jabber.org/protocol/pubsub#node_config");
  add_field(form, "pubsub#access_model", access_names.at(static_cast<std::size_t>(config.access)));
  add_field(form, "pubsub#max_items", std::to_string(config.items_max));
  add_field(form, "pubsub#persist_items", config.is_persistent ? "1" : "0");
  add_field(form, "pubsub#send_last_published_item",
            config.sends_last ? "on_sub_and_presence" : "never");
}

std::optional<PepNode> PepNode::parse(std::string_view text) {
  PepNode node;
  if (text.empty()) return node;
  boost::system::error_code error;
  const json::value parsed = json::parse(text, error);
  const json::object* object = error ? nullptr : parsed.if_object();
  if (object == nullptr) return std::nullopt;
  const auto string_at = [](const json::object& from, std::string_view key) {
    const json::value* value = from.if_contains(key);
    const json::string* string = value != nullptr ? value->if_string() : nullptr;
    return string != nullptr ? std::string(*string) : std::string();
  };
  const json::value* persistent = object->if_contains("persist");
  const json::value* sends_last = object->if_contains("send_last");
  const json::value* items_max = object->if_contains("max_items");
  const json::value* items = object->if_contains("items");
  const auto access = access_of(string_at(*object, "access"));
  if (!access || !persistent || !persistent->is_bool() || !sends_last || !sends_last->is_bool() ||
      !items_max || !items_max->is_int64() || !items || !items->is_array()) {
    return std::nullopt;
  }
  node.exists_ = true;
  node.config_ = {*access, static_cast<std::size_t>(items_max->get_int64()), persistent->get_bool(),
                  sends_last->get_bool()};
  for (const json::value& value : items->get_array()) {
    if (!value.is_object()) return std::nullopt;
    node.items_.push_back(
        {string_at(value.get_object(), "id"), string_at(value.get_object(), "payload")});
  }
  return node;
}

std::string PepNode::to_string() const {
  if (!exists_) return {};
  json::array items;
  for (const PepItem& item : items_) {
    items.push_back(json::object{{"id", item.id}, {"payload", item.payload}});
  }
  return json::serialize(
      json::object{{"access", access_names.at(static_cast<std::size_t>(config_.access))},
                   {"max_items", static_cast<std::int64_t>(config_.items_max)},
                   {"persist", config_.is_persistent},
                   {"send_last", config_.sends_last},
                   {"items", std::move(items)}});
}

void PepNode::create(const PepConfig& config) {
  exists_ = true;
  configure(config);
}

void PepNode::configure(const PepConfig& config) {
  config_ = config;
  trim();
}

void PepNode::trim() {
  const std::size_t kept = config_.is_persistent ? config_.items_max : 0;
  if (items_.size() > kept) {
    items_.erase(items_.begin(), items_.end() - static_cast<std::ptrdiff_t>(kept));
  }
}

void PepNode::publish(PepItem item) {
  retract(item.id);
  items_.push_back(std::move(item));
  trim();
}

bool PepNode::retract(std::string_view id) {
  return std::erase_if(items_, [&](const PepItem& item) { return item.id == id; }) > 0;
}

}  // namespace server
