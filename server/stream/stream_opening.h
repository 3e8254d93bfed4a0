#pragma once

#include <boost/system/result.hpp>
#include <functional>
#include <string>
#include <string_view>

#include "xmpp/stream_error.h"
#include "xmpp/stream_parser.h"

namespace server {

/// The served domain that a client's stream header asks for, prepared; or the stream error that
/// RFC 6120 §4.9.3 has for the header. A stream belongs to one host for all its life (hardening
/// P9): `former_domain` is what an earlier header of it asked for, or empty.
boost::system::result<std::string, xmpp::StreamErrorCondition> opened_domain(
    const xmpp::StreamHeader& header, std::string_view former_domain,
    const std::function<bool(std::string_view domain)>& serves);

/// Our answer to the client's header, with an id of its own. `domain` may be empty: then an error
/// is all that follows.
std::string header_xml(std::string_view domain);

/// `bytes` in hexadecimal digits.
std::string hexadecimal(std::string_view bytes);

/// 128 random bits in hexadecimal digits: for what no stranger may guess, such as the id of a
/// stream, or a resource that we make.
std::string random_name();

/// What a client may do next, for `features_xml`.
struct Features {
  enum class Starttls { no, optional, required } starttls = Starttls::no;
  std::string sasl = {};      ///< As SaslNegotiation::features() writes it; empty: not offered.
  bool registration = false;  ///< XEP-0077
  bool bind = false;
  bool acks = false;     ///< XEP-0198, where it is not in use already.
  bool session = false;  ///< What a session may use.
};

/// `<stream:features/>` (RFC 6120 §4.3.2).
std::string features_xml(const Features& features);

}  // namespace server
