#include "tools/cluster/credentials.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <array>
#include <cassert>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <memory>
#include <string_view>

#include "tools/cluster/state.h"

namespace cluster {

namespace fs = std::filesystem;

namespace {

constexpr long validity_seconds = 365L * 24 * 3600;
constexpr long renewal_seconds = 24L * 3600;  // A certificate that ends sooner is made anew.

template <auto free_it>
struct Free {
  template <class T>
  void operator()(T* object) const {
    free_it(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Extension = std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>>;

Fault openssl_fault(const std::string& what) {
  std::array<char, 256> words{};
  ERR_error_string_n(ERR_get_error(), words.data(), words.size());
  return {what + ": " + words.data(), ""};
}

void fill_random(unsigned char* bytes, std::size_t size) {
  // Fails only on a broken machine (or for more than 256 bytes); going on would make guessable
  // keys.
  [[maybe_unused]] const int filled = getentropy(bytes, size);
  assert(filled == 0);
}

bool extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

/// A certificate for `subject`'s key without extensions and signature.
Certificate draft(EVP_PKEY* subject, const std::string& common_name, X509* issuer) {
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  std::array<unsigned char, 8> serial{};
  fill_random(serial.data(), serial.size());
  std::uint64_t number = 0;
  for (const unsigned char byte : serial) number = number << 8U | byte;
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), number >> 1U | 1U);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);  // Clocks differ a little.
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), validity_seconds);
  X509_set_pubkey(certificate.get(), subject);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                             0);
  X509_set_issuer_name(certificate.get(),
                       X509_get_subject_name(issuer != nullptr ? issuer : certificate.get()));
  return certificate;
}

std::string pem_of(X509* certificate) {
  const Bio memory(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(memory.get(), certificate);
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string pem_of(EVP_PKEY* key) {
  const Bio memory(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

bool still_good(const fs::path& path) {
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  if (text.empty()) return false;
  const Bio memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  const Certificate certificate(PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr));
  if (certificate == nullptr) return false;
  std::time_t soon = std::time(nullptr) + renewal_seconds;
  return X509_cmp_time(X509_get0_notAfter(certificate.get()), &soon) > 0;
}

}  // namespace

std::string random_secret() {
  std::array<unsigned char, 32> bytes{};
  fill_random(bytes.data(), bytes.size());
  std::string text;
  for (const unsigned char byte : bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

Result<void> ensure_certificates(const fs::path& folder, const std::string& domain) {
  const fs::path server = folder / "tls" / "server.crt";
  const fs::path server_key = folder / "tls" / "server.key";
  if (still_good(folder / "ca.crt") && still_good(server) && fs::exists(server_key)) return {};
  std::error_code error;
  fs::create_directories(folder / "tls", error);

  const Key authority_key(EVP_EC_gen("P-256"));
  const Key key(EVP_EC_gen("P-256"));
  if (authority_key == nullptr || key == nullptr) return openssl_fault("cannot make a key");
  const Certificate authority =
      draft(authority_key.get(), "Meerkat local cluster " + folder.filename().string(), nullptr);
  const bool authority_made =
      extend(authority.get(), authority.get(), NID_basic_constraints, "critical,CA:TRUE") &&
      extend(authority.get(), authority.get(), NID_key_usage, "critical,keyCertSign,cRLSign") &&
      extend(authority.get(), authority.get(), NID_subject_key_identifier, "hash") &&
      X509_sign(authority.get(), authority_key.get(), EVP_sha256()) > 0;
  if (!authority_made) return openssl_fault("cannot make the authority's certificate");

  const Certificate certificate = draft(key.get(), domain, authority.get());
  const bool certificate_made =
      extend(certificate.get(), authority.get(), NID_basic_constraints, "critical,CA:FALSE") &&
      extend(certificate.get(), authority.get(), NID_key_usage, "critical,digitalSignature") &&
      extend(certificate.get(), authority.get(), NID_ext_key_usage, "serverAuth,clientAuth") &&
      extend(certificate.get(), authority.get(), NID_authority_key_identifier, "keyid") &&
      extend(certificate.get(), authority.get(), NID_subject_alt_name,
             "DNS:" + domain + ",IP:127.0.0.1") &&
      X509_sign(certificate.get(), authority_key.get(), EVP_sha256()) > 0;
  if (!certificate_made) return openssl_fault("cannot make the server's certificate");

  for (const auto& [path, text] :
       {std::pair{folder / "ca.key", pem_of(authority_key.get())},
        std::pair{folder / "ca.crt", pem_of(authority.get())},
        std::pair{server_key, pem_of(key.get())}, std::pair{server, pem_of(certificate.get())}}) {
    if (auto written = write_private_file(path, text); !written) return written.error();
  }
  return {};
}

}  // namespace cluster
