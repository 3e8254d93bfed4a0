#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/blocking/block_list.h"
#include "server/pep/pep_node.h"
#include "server/roster/roster.h"
#include "server/storage/message_id.h"
#include "xmpp/jid.h"
#include "xmpp/sasl/scram.h"
#include "xmpp/stanza.h"

namespace server {

/// How what an account keeps is written in an export file (XEP-0227), and read from one. What is
/// written here is read back as the same; what others write is read as far as it can be.

/// Why something of a user is left out, for a person to read.
struct LeftOut {
  std::string why;
};

template <class T>
using Form = boost::system::result<T, LeftOut>;

/// What an element as large as FileReader yields them may have.
constexpr xmpp::StreamLimits file_limits = {
    .bytes_max = 32 << 20, .elements_max = 1 << 20, .depth_max = 80, .attributes_max = 256};

/// `<scram-credentials/>`
void append_credentials(std::string& out, const xmpp::ScramKeys& keys);
Form<xmpp::ScramKeys> read_credentials(xmpp::Element credentials);

/// ejabberd's `password='scram:…'`: the keys in the place of the password that it does not have.
/// Absent when the password is one.
std::optional<Form<xmpp::ScramKeys>> keys_in_password(std::string_view password);

/// The items of `<query xmlns='jabber:iq:roster'/>` and the `<presence type='subscribe'/>` of those
/// who ask, each with its element. Nothing for an empty roster.
void append_roster(std::string& out, const Roster& roster);
Form<RosterItem> read_roster_item(xmpp::Element item, const xmpp::Jid& account);

/// Who asks, with `request` set.
Form<RosterItem> read_request(xmpp::Element presence, const xmpp::Jid& account);

/// `<query xmlns='jabber:iq:privacy'/>`, whose default list denies all to the JIDs that an account
/// blocks. Nothing for an empty list.
void append_block_list(std::string& out, const BlockList& list);

struct ReadBlockList {
  std::vector<std::string> jids{};
  std::vector<std::string> left_out{};  ///< Rules that a mere block list cannot hold, in words.
};
ReadBlockList read_privacy_lists(xmpp::Element query);
ReadBlockList read_block_list(xmpp::Element blocklist);  ///< Of XEP-0191.

/// `<configure/>` and `<items/>` of one PEP node.
void append_node_config(std::string& out, const std::string& node, const PepConfig& config);
void append_node_items(std::string& out, const std::string& node, const PepNode& content);

/// A node as it is put together from both, in whatever order they come.
struct NodeDraft {
  std::optional<PepFields> fields{};
  std::vector<PepItem> items{};
};

/// The node, with all of its items that a node can have. One whose configuration is missing, or
/// allows readers in a way that is unknown here, is for the account alone.
PepNode node_of(NodeDraft draft);
std::vector<PepItem> read_items(xmpp::Element items, std::vector<LeftOut>& left_out);

struct FileMessage {
  MessageId id;
  xmpp::Jid from, to;
  std::string stanza;
};

/// A `<message/>` that waits for its account, stamped with the time when it came (XEP-0203).
/// Nothing where what is stored is no message.
void append_offline(std::string& out, const std::string& stanza, MessageId id,
                    std::string_view domain);

/// `now` is for one that says no time. `before` is the message in front of it: two of the same
/// microsecond keep their order.
Form<FileMessage> read_offline(xmpp::Element message, const xmpp::Jid& account, MessageId before,
                               std::uint64_t now);

/// `<result/>` of an archive.
void append_archived(std::string& out, const std::string& stanza, MessageId id);
Form<FileMessage> read_archived(xmpp::Element result, MessageId before);

}  // namespace server
