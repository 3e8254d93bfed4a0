#pragma once

#include <string_view>

/// Namespaces of export files.
namespace server::transfer_ns {

inline constexpr std::string_view pie = "urn:xmpp:pie:0";  // XEP-0227
inline constexpr std::string_view scram = "urn:xmpp:pie:0#scram";
inline constexpr std::string_view archive = "urn:xmpp:pie:0#mam";
inline constexpr std::string_view include = "http://www.w3.org/2001/XInclude";
inline constexpr std::string_view privacy = "jabber:iq:privacy";  // XEP-0016

/// What Meerkat keeps for an account and the standard has no form for.
inline constexpr std::string_view own = "urn:meerkat:transfer:0";

}  // namespace server::transfer_ns
