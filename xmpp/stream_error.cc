#include "xmpp/stream_error.h"

#include <array>
#include <cassert>
#include <cstddef>

#include "xmpp/escape.h"
#include "xmpp/namespaces.h"

namespace xmpp {
namespace {

// In the order of StreamErrorCondition.
constexpr std::array<std::string_view, 25> names = {
    "bad-format",
    "bad-namespace-prefix",
    "conflict",
    "connection-timeout",
    "host-gone",
    "host-unknown",
    "improper-addressing",
    "internal-server-error",
    "invalid-from",
    "invalid-namespace",
    "invalid-xml",
    "not-authorized",
    "not-well-formed",
    "policy-violation",
    "remote-connection-failed",
    "reset",
    "resource-constraint",
    "restricted-xml",
    "see-other-host",
    "system-shutdown",
    "undefined-condition",
    "unsupported-encoding",
    "unsupported-feature",
    "unsupported-stanza-type",
    "unsupported-version",
};
static_assert(names.size() ==
              static_cast<std::size_t>(StreamErrorCondition::unsupported_version) + 1);

}  // namespace

std::string_view name(StreamErrorCondition condition) noexcept {
  return names[static_cast<std::size_t>(condition)];
}

StreamErrorCondition stream_error_condition(std::string_view name) noexcept {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) {
      return static_cast<StreamErrorCondition>(i);
    }
  }
  return StreamErrorCondition::undefined_condition;
}

std::string stream_error_xml(StreamErrorCondition condition, std::string_view text,
                             std::string_view app_element_xml, std::string_view content) {
  assert(content.empty() || condition == StreamErrorCondition::see_other_host);
  const std::string_view element = name(condition);
  std::string xml = "<stream:error><";
  xml.append(element).append(" xmlns='").append(ns::stream_errors).append("'");
  if (content.empty()) {
    xml += "/>";
  } else {
    xml += ">";
    append_escaped_text(xml, content);
    xml.append("</").append(element).append(">");
  }
  if (!text.empty()) {
    xml.append("<text xmlns='").append(ns::stream_errors).append("' xml:lang='en'>");
    append_escaped_text(xml, text);
    xml += "</text>";
  }
  return xml.append(app_element_xml).append("</stream:error>");
}

}  // namespace xmpp
