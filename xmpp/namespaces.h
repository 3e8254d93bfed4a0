#pragma once

#include <string_view>

/// XML namespaces, by the short names their specifications are known by.
namespace xmpp::ns {

inline constexpr std::string_view xml = "http://www.w3.org/XML/1998/namespace";
inline constexpr std::string_view xmlns = "http://www.w3.org/2000/xmlns/";

// RFC 6120, RFC 6121.
inline constexpr std::string_view stream = "http://etherx.jabber.org/streams";
inline constexpr std::string_view client = "jabber:client";
inline constexpr std::string_view server = "jabber:server";
inline constexpr std::string_view tls = "urn:ietf:params:xml:ns:xmpp-tls";
inline constexpr std::string_view sasl = "urn:ietf:params:xml:ns:xmpp-sasl";
inline constexpr std::string_view bind = "urn:ietf:params:xml:ns:xmpp-bind";
inline constexpr std::string_view session = "urn:ietf:params:xml:ns:xmpp-session";  // RFC 3921
inline constexpr std::string_view stream_errors = "urn:ietf:params:xml:ns:xmpp-streams";
inline constexpr std::string_view stanza_errors = "urn:ietf:params:xml:ns:xmpp-stanzas";
inline constexpr std::string_view roster = "jabber:iq:roster";

// RFC 7395.
inline constexpr std::string_view framing = "urn:ietf:params:xml:ns:xmpp-framing";

inline constexpr std::string_view app_errors = "urn:xmpp:errors";                // XEP-0205
inline constexpr std::string_view component_accept = "jabber:component:accept";  // XEP-0114
inline constexpr std::string_view dialback = "jabber:server:dialback";           // XEP-0220
inline constexpr std::string_view disco_info = "http://jabber.org/protocol/disco#info";
inline constexpr std::string_view disco_items = "http://jabber.org/protocol/disco#items";
inline constexpr std::string_view last_activity = "jabber:iq:last";              // XEP-0012
inline constexpr std::string_view private_xml = "jabber:iq:private";             // XEP-0049
inline constexpr std::string_view vcard = "vcard-temp";                          // XEP-0054
inline constexpr std::string_view pubsub = "http://jabber.org/protocol/pubsub";  // XEP-0060
inline constexpr std::string_view pubsub_errors = "http://jabber.org/protocol/pubsub#errors";
inline constexpr std::string_view pubsub_event = "http://jabber.org/protocol/pubsub#event";
inline constexpr std::string_view pubsub_owner = "http://jabber.org/protocol/pubsub#owner";
inline constexpr std::string_view registration = "jabber:iq:register";  // XEP-0077
inline constexpr std::string_view registration_feature = "http://jabber.org/features/iq-register";
inline constexpr std::string_view data_forms = "jabber:x:data";              // XEP-0004
inline constexpr std::string_view version = "jabber:iq:version";             // XEP-0092
inline constexpr std::string_view caps = "http://jabber.org/protocol/caps";  // XEP-0115
inline constexpr std::string_view blocking = "urn:xmpp:blocking";            // XEP-0191
inline constexpr std::string_view blocking_errors = "urn:xmpp:blocking:errors";
inline constexpr std::string_view sm3 = "urn:xmpp:sm:3";                          // XEP-0198
inline constexpr std::string_view ping = "urn:xmpp:ping";                         // XEP-0199
inline constexpr std::string_view time = "urn:xmpp:time";                         // XEP-0202
inline constexpr std::string_view delay = "urn:xmpp:delay";                       // XEP-0203
inline constexpr std::string_view hints = "urn:xmpp:hints";                       // XEP-0334
inline constexpr std::string_view forward = "urn:xmpp:forward:0";                 // XEP-0297
inline constexpr std::string_view archive = "urn:xmpp:mam:2";                     // XEP-0313
inline constexpr std::string_view result_set = "http://jabber.org/protocol/rsm";  // XEP-0059
inline constexpr std::string_view data_validate = "http://jabber.org/protocol/xdata-validate";
inline constexpr std::string_view carbons = "urn:xmpp:carbons:2";               // XEP-0280
inline constexpr std::string_view client_state = "urn:xmpp:csi:0";              // XEP-0352
inline constexpr std::string_view stanza_ids = "urn:xmpp:sid:0";                // XEP-0359
inline constexpr std::string_view retraction = "urn:xmpp:message-retract:1";    // XEP-0424
inline constexpr std::string_view old_bookmarks = "storage:bookmarks";          // XEP-0048
inline constexpr std::string_view bookmarks = "urn:xmpp:bookmarks:1";           // XEP-0402
inline constexpr std::string_view bind2 = "urn:xmpp:bind:0";                    // XEP-0386
inline constexpr std::string_view sasl2 = "urn:xmpp:sasl:2";                    // XEP-0388
inline constexpr std::string_view sasl_channel_binding = "urn:xmpp:sasl-cb:0";  // XEP-0440
inline constexpr std::string_view fast = "urn:xmpp:fast:0";                     // XEP-0484
inline constexpr std::string_view stream_limits = "urn:xmpp:stream-limits:0";   // XEP-0478

}  // namespace xmpp::ns
