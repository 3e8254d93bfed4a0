#include "xmpp/sasl/channel_binding.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>

#include "xmpp/sasl/scram.h"

namespace xmpp {
namespace {

template <auto free>
struct Free {
  template <class T>
  void operator()(T* object) const {
    free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Context = std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>>;
using Connection = std::unique_ptr<SSL, Free<SSL_free>>;

Key elliptic_key() { return Key(EVP_EC_gen("P-256")); }

// Signed with `digest`; null for a key whose signature brings its own, such as Ed25519.
Certificate certificate_of(EVP_PKEY* key, const EVP_MD* digest) {
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3'600);
  X509_set_pubkey(certificate.get(), key);
  EXPECT_GT(X509_sign(certificate.get(), key, digest), 0);
  return certificate;
}

std::string digest_of(X509* certificate, const EVP_MD* digest) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned out_size = 0;
  EVP_Digest(der, static_cast<std::size_t>(size), reinterpret_cast<unsigned char*>(out.data()),
             &out_size, digest, nullptr);
  OPENSSL_free(der);
  out.resize(out_size);
  return out;
}

// Both ends of one TLS connection through memory, shaken hands.
struct TlsPair {
  explicit TlsPair(int version, std::uint64_t options = 0)
      : key(elliptic_key()), certificate(certificate_of(key.get(), EVP_sha256())) {
    client_context.reset(SSL_CTX_new(TLS_client_method()));
    server_context.reset(SSL_CTX_new(TLS_server_method()));
    for (SSL_CTX* context : {client_context.get(), server_context.get()}) {
      SSL_CTX_set_min_proto_version(context, version);
      SSL_CTX_set_max_proto_version(context, version);
      SSL_CTX_set_options(context, options);
    }
    EXPECT_EQ(SSL_CTX_use_certificate(server_context.get(), certificate.get()), 1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey(server_context.get(), key.get()), 1);
    client.reset(SSL_new(client_context.get()));
    server.reset(SSL_new(server_context.get()));
    BIO* client_end = nullptr;
    BIO* server_end = nullptr;
    EXPECT_EQ(BIO_new_bio_pair(&client_end, 1 << 16, &server_end, 1 << 16), 1);
    SSL_set_bio(client.get(), client_end, client_end);
    SSL_set_bio(server.get(), server_end, server_end);
    SSL_set_connect_state(client.get());
    SSL_set_accept_state(server.get());
  }

  void shake_hands() {
    for (int round = 0; round < 10; ++round) {  // Three are enough for any version.
      SSL_do_handshake(client.get());
      SSL_do_handshake(server.get());
    }
    ASSERT_TRUE(SSL_is_init_finished(client.get()));
    ASSERT_TRUE(SSL_is_init_finished(server.get()));
  }

  Key key;
  Certificate certificate;
  Context client_context, server_context;
  Connection client, server;
};

// RFC 9266 §2
TEST(TlsExporter, IsTheSameOnBothSidesAndOnNoOtherConnection) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsPair one(version), two(version);
    one.shake_hands();
    two.shake_hands();
    const auto client = tls_exporter_binding(one.client.get());
    const auto server = tls_exporter_binding(one.server.get());
    const auto other = tls_exporter_binding(two.server.get());
    ASSERT_TRUE(client && server && other);
    EXPECT_EQ(client->type, "tls-exporter");
    EXPECT_EQ(client->data.size(), 32u);
    EXPECT_EQ(client->data, server->data);
    EXPECT_NE(client->data, other->data);
  }
}

// RFC 9266 §4.2
TEST(TlsExporter, IsRefusedWhereItWouldNotBeUnique) {
  TlsPair pair(TLS1_2_VERSION, SSL_OP_NO_EXTENDED_MASTER_SECRET);
  pair.shake_hands();
  EXPECT_EQ(tls_exporter_binding(pair.server.get()).error(), Errc::unsupported);
}

TEST(TlsExporter, NeedsAFinishedHandshake) {
  EXPECT_EQ(tls_exporter_binding(nullptr).error(), Errc::unsupported);
  TlsPair pair(TLS1_3_VERSION);
  EXPECT_EQ(tls_exporter_binding(pair.server.get()).error(), Errc::unsupported);
}

// RFC 5929 §4.1
TEST(TlsServerEndPoint, IsTheCertificateByTheHashOfItsSignature) {
  const Key key = elliptic_key();
  const std::pair<const EVP_MD*, const EVP_MD*> hashes[] = {{EVP_sha1(), EVP_sha256()},
                                                            {EVP_sha256(), EVP_sha256()},
                                                            {EVP_sha384(), EVP_sha384()},
                                                            {EVP_sha512(), EVP_sha512()}};
  for (const auto& [signed_with, expected] : hashes) {
    const Certificate certificate = certificate_of(key.get(), signed_with);
    const auto binding = tls_server_end_point_binding(certificate.get());
    ASSERT_TRUE(binding) << EVP_MD_get0_name(signed_with);
    EXPECT_EQ(binding->type, "tls-server-end-point");
    EXPECT_EQ(binding->data, digest_of(certificate.get(), expected))
        << EVP_MD_get0_name(signed_with);
  }
}

TEST(TlsServerEndPoint, IsUndefinedForASignatureWithoutOneHash) {
  const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  const Certificate certificate = certificate_of(key.get(), nullptr);
  EXPECT_EQ(tls_server_end_point_binding(certificate.get()).error(), Errc::unsupported);
  EXPECT_EQ(tls_server_end_point_binding(nullptr).error(), Errc::unsupported);
}

// The client binds to the certificate that it was shown, the server to the one that it has.
TEST(TlsServerEndPoint, IsTheSameOnBothSides) {
  TlsPair pair(TLS1_3_VERSION);
  pair.shake_hands();
  const Certificate shown(SSL_get1_peer_certificate(pair.client.get()));
  const auto client = tls_server_end_point_binding(shown.get());
  const auto server = tls_server_end_point_binding(SSL_get_certificate(pair.server.get()));
  ASSERT_TRUE(client && server);
  EXPECT_EQ(client->data, server->data);
}

// Hardening P13: somebody with a connection to each side passes on the right messages, in vain.
TEST(ChannelBinding, KeepsALoginFromBeingPassedOnToAnotherConnection) {
  TlsPair to_client(TLS1_3_VERSION), to_server(TLS1_3_VERSION);
  to_client.shake_hands();
  to_server.shake_hands();
  ScramClientOptions client_side;
  client_side.mechanism = Mechanism::scram_sha_256_plus;
  client_side.username = "romeo";
  client_side.password = Secret(std::string("pencil"));
  client_side.binding = tls_exporter_binding(to_client.client.get()).value();
  const ScramKeys keys = derive_scram_keys(ScramHash::sha256, "pencil", "salt", 4'096).value();

  for (const bool is_direct : {true, false}) {
    ScramClient client(client_side);
    TlsPair& pair = is_direct ? to_client : to_server;
    ScramServer server({.mechanism = Mechanism::scram_sha_256_plus,
                        .is_plus_offered = true,
                        .bindings = {tls_exporter_binding(pair.server.get()).value()},
                        .nonce = {}});
    ASSERT_TRUE(server.begin(client.first()));
    const auto response = client.respond(server.challenge(keys));
    ASSERT_TRUE(response);
    EXPECT_EQ(static_cast<bool>(server.finish(*response)), is_direct);
    EXPECT_EQ(server.is_binding_mismatch(), !is_direct);
  }
}

}  // namespace
}  // namespace xmpp
