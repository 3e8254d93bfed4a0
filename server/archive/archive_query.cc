#include "server/archive/archive_query.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "xmpp/date_time.h"
#include "xmpp/namespaces.h"

namespace server {
namespace {

using Condition = xmpp::StanzaErrorCondition;
using Refusal = std::optional<Condition>;

struct Field {
  std::string_view name, type;
};

constexpr std::array<Field, 6> fields = {{{"with", "jid-single"},
                                          {"start", "text-single"},
                                          {"end", "text-single"},
                                          {"before-id", "text-single"},
                                          {"after-id", "text-single"},
                                          {"ids", "list-multi"}}};

Refusal read_id(const std::string& text, MessageId& id) {
  const auto parsed = parse_message_id(text);
  if (!parsed || !*parsed) return Condition::item_not_found;
  id = *parsed;
  return std::nullopt;
}

Refusal read_time(const std::string& text, std::uint64_t& time) {
  const auto parsed = xmpp::parse_date_time(text);
  if (!parsed) return Condition::bad_request;
  time = *parsed;
  return std::nullopt;
}

Refusal read_ids(const std::vector<std::string>& values, std::size_t ids_max,
                 std::vector<MessageId>& ids) {
  if (values.empty()) return Condition::bad_request;
  if (values.size() > ids_max) return Condition::resource_constraint;
  for (const std::string& value : values) {
    if (const Refusal refusal = read_id(value, ids.emplace_back())) return refusal;
  }
  return std::nullopt;
}

Refusal read_field(std::string_view name, const std::vector<std::string>& values,
                   const ArchiveLimits& limits, ArchiveRange& range) {
  if (name == "ids") return read_ids(values, limits.ids_max, range.ids);
  // A client may leave a field of the form empty.
  if (values.empty() || (values.size() == 1 && values.front().empty())) return std::nullopt;
  if (values.size() > 1) return Condition::bad_request;
  const std::string& value = values.front();
  if (name == "start") return read_time(value, range.first);
  if (name == "end") return read_time(value, range.last);
  if (name == "after-id") return read_id(value, range.after);
  if (name == "before-id") return read_id(value, range.before);
  auto jid = xmpp::Jid::parse(value);
  if (!jid) return Condition::jid_malformed;
  range.contact = *std::move(jid);
  return std::nullopt;
}

Refusal read_form(const xmpp::Element& form, const ArchiveLimits& limits, ArchiveRange& range) {
  if (form.attr("type") != "submit") return Condition::bad_request;
  std::set<std::string, std::less<>> seen;
  for (const xmpp::Element field : xmpp::children(form)) {
    if (!field.is("field", xmpp::ns::data_forms)) continue;
    const std::string name(field.attr("var"));
    std::vector<std::string> values;
    for (const xmpp::Element value : xmpp::children(field)) {
      if (value.is("value", xmpp::ns::data_forms)) values.push_back(value.text());
    }
    if (!seen.insert(name).second) return Condition::bad_request;
    if (name == "FORM_TYPE") {
      if (values != std::vector{std::string(xmpp::ns::archive)}) return Condition::bad_request;
      continue;
    }
    // XEP-0313 §4.1.6
    if (std::ranges::find(fields, name, &Field::name) == fields.end()) {
      return Condition::feature_not_implemented;
    }
    if (const Refusal refusal = read_field(name, values, limits, range)) return refusal;
  }
  return seen.contains("FORM_TYPE") ? Refusal() : Condition::bad_request;
}

Refusal read_set(const xmpp::Element& set, ArchiveQuery& query) {
  if (set.child("index", xmpp::ns::result_set)) return Condition::feature_not_implemented;
  if (const xmpp::Element max = set.child("max", xmpp::ns::result_set)) {
    const std::string text = max.text();
    std::uint32_t wanted = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), wanted);
    if (error != std::errc() || end != text.data() + text.size()) return Condition::bad_request;
    query.page.messages_max = std::min<std::size_t>(query.page.messages_max, wanted);
  }
  if (const xmpp::Element after = set.child("after", xmpp::ns::result_set)) {
    const std::string id = after.text();  // An empty one is the beginning.
    if (!id.empty()) {
      if (const Refusal refusal = read_id(id, query.range.page_after)) return refusal;
    }
  }
  if (const xmpp::Element before = set.child("before", xmpp::ns::result_set)) {
    query.page.from_end = true;
    const std::string id = before.text();  // XEP-0059 §2.5: an empty one is the end.
    if (!id.empty()) {
      if (const Refusal refusal = read_id(id, query.range.page_before)) return refusal;
    }
  }
  return std::nullopt;
}

}  // namespace

std::variant<ArchiveQuery, Condition> parse_archive_query(const xmpp::Element& query,
                                                          const ArchiveLimits& limits) {
  ArchiveQuery parsed{.id = std::string(query.attr("queryid"))};
  parsed.page.messages_max = limits.page_max;
  parsed.page.bytes_max = limits.page_bytes_max;
  // The attribute is for archives of nodes (XEP-0442), of which there are none.
  if (query.has_attr("node")) return Condition::item_not_found;
  if (const xmpp::Element form = query.child("x", xmpp::ns::data_forms)) {
    if (const Refusal refusal = read_form(form, limits, parsed.range)) return *refusal;
  }
  if (const xmpp::Element set = query.child("set", xmpp::ns::result_set)) {
    if (const Refusal refusal = read_set(set, parsed)) return *refusal;
  }
  parsed.is_flipped = static_cast<bool>(query.child("flip-page", xmpp::ns::archive));
  return parsed;
}

void add_archive_form(xmpp::Element query) {
  xmpp::Element form = query.add_child("x", xmpp::ns::data_forms);
  form.set_attr("type", "form");
  xmpp::Element type = form.add_child("field", xmpp::ns::data_forms);
  type.set_attr("var", "FORM_TYPE");
  type.set_attr("type", "hidden");
  type.add_child("value", xmpp::ns::data_forms).set_text(xmpp::ns::archive);
  for (const Field& field : fields) {
    xmpp::Element element = form.add_child("field", xmpp::ns::data_forms);
    element.set_attr("var", field.name);
    element.set_attr("type", field.type);
    if (field.name != "ids") continue;
    // XEP-0122: any value, not one of a list.
    xmpp::Element validate = element.add_child("validate", xmpp::ns::data_validate);
    validate.set_attr("datatype", "xs:string");
    validate.add_child("open", xmpp::ns::data_validate);
  }
}

}  // namespace server
