#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace xmpp {

/// The stream error conditions, all of RFC 6120 §4.9.3. After one the stream is closed.
enum class StreamErrorCondition : std::uint8_t {
  bad_format,
  bad_namespace_prefix,
  conflict,
  connection_timeout,
  host_gone,
  host_unknown,
  improper_addressing,
  internal_server_error,
  invalid_from,
  invalid_namespace,
  invalid_xml,
  not_authorized,
  not_well_formed,
  policy_violation,
  remote_connection_failed,
  reset,
  resource_constraint,
  restricted_xml,
  see_other_host,
  system_shutdown,
  undefined_condition,
  unsupported_encoding,
  unsupported_feature,
  unsupported_stanza_type,
  unsupported_version,
};

/// The name of the condition's element, such as "not-well-formed".
std::string_view name(StreamErrorCondition condition) noexcept;

/// The condition that an element of this name states; an unknown name is undefined_condition, as
/// newer peers may use ones that we lack.
StreamErrorCondition stream_error_condition(std::string_view name) noexcept;

/// `<stream:error>…</stream:error>`, to be read in a stream that binds the prefix `stream`.
/// `text` is escaped here, and left out when empty; `app_element_xml` is one finished element of
/// another namespace, or empty. `content` is the character data of the condition's element, which
/// only `<see-other-host/>` has (host, host:port or [address]:port), escaped here.
std::string stream_error_xml(StreamErrorCondition condition, std::string_view text = {},
                             std::string_view app_element_xml = {}, std::string_view content = {});

}  // namespace xmpp
