#include "replication/hello.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "replication/wire.h"

namespace replication {
namespace {

constexpr std::string_view magic = "MKRT";
constexpr std::string_view proof_label = "meerkat link proof 1";

}  // namespace

Errc wire_code(boost::system::error_code error) {
  // Codes from 100 are this node's own affair.
  bool known = error.category() == replication_category() && error.value() < 100;
  return known ? static_cast<Errc>(error.value()) : Errc::unknown;
}

std::string encode(const Hello& hello) {
  std::string body(magic);
  put_number(static_cast<std::uint8_t>(hello.role), body);
  put_number(hello.protocol_min, body);
  put_number(hello.protocol_max, body);
  put_number(hello.listen_port, body);
  put_number(hello.id.incarnation, body);
  body += hello.nonce;
  put_short_text(hello.cluster, body);
  put_short_text(hello.id.name, body);
  put_short_text(hello.wanted, body);
  put_number(static_cast<std::uint8_t>(hello.speaks_tls ? 1 : 0), body);
  return body;
}

std::optional<Hello> decode_hello(std::string_view body) {
  WireReader reader(body);
  if (reader.bytes(magic.size()) != magic) return std::nullopt;
  Hello hello;
  auto role = reader.number<std::uint8_t>();
  hello.protocol_min = reader.number<std::uint16_t>();
  hello.protocol_max = reader.number<std::uint16_t>();
  hello.listen_port = reader.number<std::uint16_t>();
  hello.id.incarnation = reader.number<std::uint64_t>();
  hello.nonce = reader.bytes(nonce_bytes);
  hello.cluster = reader.short_text();
  hello.id.name = reader.short_text();
  hello.wanted = reader.short_text();
  if (!reader.ok() || role > 1 || hello.protocol_min > hello.protocol_max) return std::nullopt;
  if (hello.id.name.empty() || hello.id.name.size() > node_name_bytes_max) return std::nullopt;
  hello.role = static_cast<Role>(role);
  if (!reader.rest().empty()) hello.speaks_tls = (reader.number<std::uint8_t>() & 1) != 0;
  return hello;
}

Errc decode_refusal(std::string_view body) {
  WireReader reader(body);
  auto code = reader.number<std::uint16_t>();
  bool known = reader.ok() && code >= 1 && code <= static_cast<int>(Errc::unknown_tunnel);
  return known ? static_cast<Errc>(code) : Errc::unknown;
}

std::string proof(std::string_view secret, Role prover, std::string_view dialler_hello,
                  std::string_view acceptor_hello, std::string_view channel_binding) {
  std::string text(proof_label);
  put_number(static_cast<std::uint8_t>(prover), text);
  const auto add = [&text](std::string_view part) {
    put_number(static_cast<std::uint32_t>(part.size()), text);
    text += part;
  };
  add(dialler_hello);
  add(acceptor_hello);
  if (!channel_binding.empty()) add(channel_binding);  // In clear it is as in older releases.
  std::string mac(proof_bytes, '\0');
  unsigned size = 0;
  [[maybe_unused]] auto* done =
      HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(),
           reinterpret_cast<unsigned char*>(mac.data()), &size);
  assert(done != nullptr && size == proof_bytes);
  return mac;
}

Handshake::Handshake(Local local, Admit admit)
    : local_(std::move(local)), admit_(std::move(admit)) {
  assert(local_.nonce.size() == nonce_bytes);
  own_hello_ = encode({.role = local_.role,
                       .protocol_min = local_.protocol_min,
                       .protocol_max = local_.protocol_max,
                       .listen_port = local_.listen_port,
                       .id = local_.id,
                       .nonce = local_.nonce,
                       .cluster = local_.cluster,
                       .wanted = local_.wanted,
                       .speaks_tls = local_.speaks_tls});
}

std::string Handshake::start() {
  std::string out;
  if (local_.role == Role::dialler) append_frame(FrameKind::hello, own_hello_, out);
  return out;
}

std::uint16_t Handshake::protocol() const {
  return std::min(local_.protocol_max, peer_.protocol_max);
}

std::string refusal(boost::system::error_code reason) {
  std::string frame, body;
  put_number(static_cast<std::uint16_t>(wire_code(reason)), body);
  append_frame(FrameKind::refuse, body, frame);
  return frame;
}

Handshake::Step Handshake::take(const Frame& frame, const Channel& channel) {
  switch (frame.kind) {
    case FrameKind::refuse:
      return {.send = {},
              .proven = false,
              .error = decode_refusal(frame.body),
              .refused_by_peer = true};
    case FrameKind::hello:
      return awaiting_ == Awaiting::hello ? take_hello(frame.body, channel)
                                          : refuse(Errc::bad_frame);
    case FrameKind::proof:
      return awaiting_ == Awaiting::proof ? take_proof(frame.body, channel)
                                          : refuse(Errc::bad_frame);
    default:
      return refuse(Errc::bad_frame);  // Nothing else may come from somebody unproven.
  }
}

Handshake::Step Handshake::refuse(boost::system::error_code reason) {
  Step step;
  step.send = refusal(reason);
  step.error = reason;
  return step;
}

Handshake::Step Handshake::take_hello(std::string_view body, const Channel& channel) {
  auto hello = decode_hello(body);
  // A reflected hello has our own role.
  if (!hello || hello->role == local_.role) return refuse(Errc::bad_frame);
  if (hello->cluster != local_.cluster) return refuse(Errc::other_cluster);
  if (hello->id.name == local_.id.name) return refuse(Errc::own_name);
  if (std::max(hello->protocol_min, local_.protocol_min) >
      std::min(hello->protocol_max, local_.protocol_max)) {
    return refuse(Errc::protocol_mismatch);
  }
  bool dialler = local_.role == Role::dialler;
  const std::string& wanted = dialler ? local_.wanted : hello->wanted;
  const std::string& answering = dialler ? hello->id.name : local_.id.name;
  if (!wanted.empty() && wanted != answering) return refuse(Errc::wrong_name);
  // Both would have used TLS: somebody between us kept them from it, or one was just restarted.
  if (local_.speaks_tls && hello->speaks_tls && channel.binding.empty()) {
    return refuse(Errc::tls_required);
  }
  if (channel.may_be && !channel.may_be(hello->id.name)) return refuse(Errc::wrong_certificate);
  peer_ = *std::move(hello);
  peer_hello_ = body;
  awaiting_ = Awaiting::proof;
  Step step;
  if (dialler) {
    append_frame(FrameKind::proof, proof_of(Role::dialler, channel), step.send);
  } else {
    append_frame(FrameKind::hello, own_hello_, step.send);
  }
  return step;
}

Handshake::Step Handshake::take_proof(std::string_view body, const Channel& channel) {
  bool dialler = local_.role == Role::dialler;
  std::string expected = proof_of(dialler ? Role::acceptor : Role::dialler, channel);
  if (body.size() != expected.size() ||
      CRYPTO_memcmp(body.data(), expected.data(), expected.size()) != 0) {
    return refuse(Errc::bad_proof);
  }
  if (auto error = admit_(peer_)) return refuse(error);
  Step step;
  if (!dialler) append_frame(FrameKind::proof, proof_of(Role::acceptor, channel), step.send);
  step.proven = true;
  return step;
}

std::string Handshake::proof_of(Role prover, const Channel& channel) const {
  bool dialler = local_.role == Role::dialler;
  return proof(local_.secret, prover, dialler ? own_hello_ : peer_hello_,
               dialler ? peer_hello_ : own_hello_, channel.binding);
}

}  // namespace replication
