#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "server/pep/pep.h"
#include "xmpp/jid.h"

namespace server {

/// The picture of an account, which newer clients publish by PEP (XEP-0084) and older ones put into
/// their vCards (XEP-0153). It is kept in PEP, and shown in both (XEP-0398).
struct Avatar {
  std::string id;    ///< SHA-1 of the picture, in hexadecimal digits.
  std::string type;  ///< As `image/png`.
  std::string data;  ///< In Base64, as one line.

  /// Of what stands in a `<BINVAL/>`, broken into lines or not. `type` may be empty. Absent when it
  /// is no picture.
  static std::optional<Avatar> parse(std::string_view type, std::string_view binval);
};

inline constexpr const char* avatar_metadata = "urn:xmpp:avatar:metadata";

/// Of the pictures that a `<metadata/>` names, the one that is here and nowhere else (XEP-0398
/// §4.1). Empty when it names none.
xmpp::Element avatar_info(xmpp::Element metadata);

/// What the account says of its avatar: `id` and `type` as in Avatar, empty where it has none.
struct AvatarName {
  std::string id{}, type{};
};

/// As far as the reader, a bare JID, may see it; the picture itself is not read.
asio::awaitable<PepResult<AvatarName>> read_avatar_name(Pep& pep, xmpp::Jid account,
                                                        xmpp::Jid reader);

/// The account's, if it has one that the reader, a bare JID, may see.
asio::awaitable<PepResult<std::optional<Avatar>>> read_avatar(Pep& pep, xmpp::Jid account,
                                                              xmpp::Jid reader);

/// Makes it the account's, or takes the one that it has away, and tells who wants to hear it. Nodes
/// that are not there yet become readable by all, as vCards are. Refusals: those of Pep::publish().
asio::awaitable<PepResult<void>> set_avatar(Pep& pep, xmpp::Jid account,
                                            std::optional<Avatar> avatar, RoutedLoop& here);

}  // namespace server
