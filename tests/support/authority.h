#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

struct evp_pkey_st;
struct x509_st;

namespace tests {

/// Where a certificate and its key lie, as PEM.
struct IssuedFiles {
  std::string certificate;
  std::string key;
};

/// A certificate authority of the test's own, with its files in a temporary folder that ends with
/// it. ECDSA P-256.
class Authority {
 public:
  explicit Authority(const std::string& name = "tests");
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  /// Its own certificate.
  const std::string& file() const { return file_; }

  /// A certificate for those names (`DNS:a`, `IP:127.0.0.1`, …), valid from an hour ago, or, with
  /// `valid_for` below zero, until so long ago. `usage` is its extended key usage.
  IssuedFiles issue(const std::vector<std::string>& names,
                    std::chrono::seconds valid_for = std::chrono::hours(1),
                    const std::string& usage = "serverAuth,clientAuth");

 private:
  struct KeyFree {
    void operator()(evp_pkey_st* key) const;
  };
  struct CertificateFree {
    void operator()(x509_st* certificate) const;
  };
  using Key = std::unique_ptr<evp_pkey_st, KeyFree>;
  using Certificate = std::unique_ptr<x509_st, CertificateFree>;

  static Certificate draft(evp_pkey_st* key, const std::string& name);

  std::filesystem::path folder_;
  std::string file_;
  Key key_;
  Certificate certificate_;
  int issued_ = 0;
};

}  // namespace tests
