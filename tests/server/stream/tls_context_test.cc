#include "server/stream/tls_context.h"

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <memory>

#include "tests/support/authority.h"

namespace server {
namespace {

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslPtr = std::unique_ptr<SSL, SslFree>;

class TlsContextTest : public testing::Test {
 protected:
  static std::string fault(const std::string& certificate, const std::string& key) {
    const auto made = TlsContext::load(certificate, key);
    return made ? std::string() : made.error();
  }

  tests::Authority authority_;
  tests::IssuedFiles files_ = authority_.issue({"DNS:localhost"});
};

TEST_F(TlsContextTest, TakesACertificateWithItsKey) {
  EXPECT_EQ(fault(files_.certificate, files_.key), "");
}

TEST_F(TlsContextTest, NamesTheFileThatDoesNotDo) {
  EXPECT_EQ(fault("no such file", files_.key).find("cannot read the certificate no such file: "),
            0U);
  EXPECT_EQ(fault(files_.certificate, "no such file").find("cannot read the key no such file: "),
            0U);
}

TEST_F(TlsContextTest, SaysThatAKeyBelongsToAnotherCertificate) {
  const tests::IssuedFiles other = authority_.issue({"DNS:localhost"});
  EXPECT_EQ(fault(files_.certificate, other.key),
            "the key " + other.key + " does not belong to the certificate " + files_.certificate);
}

// Hardening P18; XEP-0388 §3, XEP-0484 §6: a login that was sent as early data could be replayed.
TEST_F(TlsContextTest, LeavesAClientNothingToSendEarlyDataWith) {
  const auto context = *TlsContext::load(files_.certificate, files_.key);
  const std::unique_ptr<SSL_CTX, SslContextFree> client_context(SSL_CTX_new(TLS_client_method()));
  const SslPtr server(context->new_ssl());
  const SslPtr client(SSL_new(client_context.get()));
  BIO* server_end = nullptr;
  BIO* client_end = nullptr;
  ASSERT_EQ(BIO_new_bio_pair(&server_end, 0, &client_end, 0), 1);
  SSL_set_bio(server.get(), server_end, server_end);
  SSL_set_bio(client.get(), client_end, client_end);
  SSL_set_connect_state(client.get());
  SSL_set_accept_state(server.get());
  for (int turn = 0; turn < 10; ++turn) {
    SSL_do_handshake(client.get());
    SSL_do_handshake(server.get());
  }
  ASSERT_EQ(SSL_is_init_finished(client.get()), 1);
  ASSERT_EQ(SSL_version(client.get()), TLS1_3_VERSION);
  // Tickets would come with the first bytes after the handshake.
  ASSERT_EQ(SSL_write(server.get(), "x", 1), 1);
  char byte = 0;
  ASSERT_EQ(SSL_read(client.get(), &byte, 1), 1);
  EXPECT_EQ(SSL_SESSION_is_resumable(SSL_get0_session(client.get())), 0);
  EXPECT_EQ(SSL_SESSION_get_max_early_data(SSL_get0_session(client.get())), 0U);
  EXPECT_EQ(SSL_get_max_early_data(server.get()), 0U);
  EXPECT_EQ(SSL_get_early_data_status(server.get()), SSL_EARLY_DATA_NOT_SENT);
}

}  // namespace
}  // namespace server
