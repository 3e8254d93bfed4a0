#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "xmpp/error.h"

namespace xmpp {

// SCRAM's messages by the grammar of RFC 5802 §7, as read and nothing more: whether a nonce or a
// proof fits is for the two sides to say. Each parse fails with SaslError::malformed_request.

struct ScramClientFirst {
  char binding_flag = 'n';   // 'n', 'y' or 'p'.
  std::string binding_type;  // With 'p'.
  std::string authzid;       // Decoded.
  std::string username;      // Decoded; never empty.
  std::string nonce;
  std::string gs2_header;  // As sent, with its last comma.
  std::string bare;        // What follows the header.
};
Result<ScramClientFirst> parse_scram_client_first(std::string_view message);

struct ScramServerFirst {
  std::string nonce;
  std::string salt;  // Raw bytes; never empty.
  std::uint32_t iterations = 0;
};
Result<ScramServerFirst> parse_scram_server_first(std::string_view message);

struct ScramClientFinal {
  std::string binding;  // Raw bytes of `c=`.
  std::string nonce;
  std::string proof;          // Raw bytes.
  std::string without_proof;  // As sent, up to the comma before the proof.
};
Result<ScramClientFinal> parse_scram_client_final(std::string_view message);

/// The raw bytes of `v=`; a server's `e=` is malformed_request too.
Result<std::string> parse_scram_server_final(std::string_view message);

/// `name` as a saslname: ',' and '=' as "=2C" and "=3D".
std::string scram_escape(std::string_view name);

/// AuthMessage of RFC 5802 §3.
std::string scram_auth_message(std::string_view client_first_bare, std::string_view server_first,
                               std::string_view client_final_without_proof);

}  // namespace xmpp
