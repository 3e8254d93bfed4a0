#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "replication/error.h"
#include "replication/frame.h"
#include "replication/node_id.h"

namespace replication {

/// Who opened the connection.
enum class Role : std::uint8_t { dialler = 0, acceptor = 1 };

constexpr std::size_t nonce_bytes = 32;
constexpr std::size_t proof_bytes = 32;
constexpr std::size_t hello_bytes_max = 4096;  // hardening.md, limits: peer link.

/// What a node says of itself, and wants, at the start of a connection.
struct Hello {
  Role role = Role::dialler;
  std::uint16_t protocol_min = 1;
  std::uint16_t protocol_max = 1;
  std::uint16_t listen_port = 0;
  NodeId id{};
  std::string nonce{};      // nonce_bytes of randomness.
  std::string cluster{};    // At most 255 bytes.
  std::string wanted{};     // The name that was dialled; empty from an acceptor.
  bool speaks_tls = false;  // Would take or dial a TLS link, whatever this one is.
};

std::string encode(const Hello& hello);
/// Nothing: not a hello. Bytes behind the known fields are a newer release's, and are ignored here
/// though the proofs cover them.
std::optional<Hello> decode_hello(std::string_view body);

/// `error` as a code that means something to another node; `unknown` if it does not.
Errc wire_code(boost::system::error_code error);

/// The code that a refuse frame carries; `unknown` for one from a newer peer.
Errc decode_refusal(std::string_view body);

/// HMAC-SHA256 with `secret` over a label, the prover's role, both hellos as they were sent and,
/// over TLS, the channel's binding, so that no byte of them can be changed, and no proof be used in
/// another place, over another channel or a second time.
std::string proof(std::string_view secret, Role prover, std::string_view dialler_hello,
                  std::string_view acceptor_hello, std::string_view channel_binding = {});

/// A frame that refuses the link for `reason`.
std::string refusal(boost::system::error_code reason);

/// What the connection itself says of the other side, once a frame has come.
struct Channel {
  std::string binding{};                           // Connection::channel_binding().
  std::function<bool(std::string_view)> may_be{};  // Connection::may_be(); absent: anybody.
};

/// Proves two nodes to each other, without a socket:
///
///     dialler                     acceptor
///     hello            ------->
///                      <-------   hello
///     proof            ------->
///                      <-------   proof
///
/// The dialler proves itself first, so that a stranger gets nothing to guess the secret from.
/// Whoever finds a fault sends a refuse frame with its code and closes.
class Handshake {
 public:
  struct Local {
    Role role = Role::dialler;
    NodeId id{};
    std::uint16_t protocol_min = 1;
    std::uint16_t protocol_max = 1;
    std::uint16_t listen_port = 0;
    std::string cluster{};
    std::string nonce{};  // nonce_bytes that nobody can guess, fresh for each handshake.
    std::string secret{};
    std::string wanted{};  // Dialler: the node that should answer.
    bool speaks_tls = false;
  };

  /// Asked once the other side has proven itself, before this side's last word: an error refuses
  /// it.
  using Admit = std::function<boost::system::error_code(const Hello&)>;

  Handshake(Local local, Admit admit);

  /// What to send first; empty for an acceptor.
  std::string start();

  struct Step {
    std::string send;                 // Even when there is an error.
    bool proven = false;              // The link stands; the peer's hello is peer().
    boost::system::error_code error;  // The connection must close.
    bool refused_by_peer = false;     // `error` is what the peer said.
  };
  Step take(const Frame& frame, const Channel& channel = {});

  const Hello& peer() const { return peer_; }

  /// The highest protocol that both speak.
  std::uint16_t protocol() const;

 private:
  enum class Awaiting { hello, proof };

  static Step refuse(boost::system::error_code reason);
  Step take_hello(std::string_view body, const Channel& channel);
  Step take_proof(std::string_view body, const Channel& channel);
  std::string proof_of(Role prover, const Channel& channel) const;

  const Local local_;
  const Admit admit_;
  Awaiting awaiting_ = Awaiting::hello;
  std::string own_hello_;
  std::string peer_hello_;
  Hello peer_;
};

}  // namespace replication
