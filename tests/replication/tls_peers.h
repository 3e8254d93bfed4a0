#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "replication/link_tls.h"
#include "tests/replication/nodes.h"
#include "tests/support/authority.h"

namespace replication {

/// A context for links with a certificate for `names` of that authority, which is trusted as well.
std::shared_ptr<const LinkTls> link_tls(tests::Authority& authority, const std::string& name,
                                        TlsMode mode = TlsMode::required);

/// quick() with TLS.
NodeOptions quick_tls(tests::Authority& authority, const std::string& name,
                      TlsMode mode = TlsMode::required, std::uint64_t incarnation = 1);

/// Whether each is ready to the other, and that by TLS.
bool linked(const TestNode& a, const TestNode& b);
bool linked_by_tls(const TestNode& a, const TestNode& b);

/// Somebody between two nodes, with a certificate for the names of both: takes one TLS connection,
/// opens another to `target_port`, and passes on what it reads in between.
class TlsIntruder {
 public:
  TlsIntruder(const tests::IssuedFiles& files, std::uint16_t target_port);
  ~TlsIntruder();
  TlsIntruder(const TlsIntruder&) = delete;
  TlsIntruder& operator=(const TlsIntruder&) = delete;

  std::uint16_t port() const { return port_; }

  /// Bytes that it has read in clear, so far.
  std::size_t bytes_seen() const { return bytes_seen_; }

 private:
  void run();
  void pass(int client);

  SSL_CTX* context_;
  const std::uint16_t target_port_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<std::size_t> bytes_seen_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

/// A TLS client without a certificate: shakes hands, says something, and reads. Returns OpenSSL's
/// reason why it got no answer, 0 if it got one.
int tls_client_without_certificate(std::uint16_t port);

}  // namespace replication
