#include "tests/support/authority.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include <cstdio>
#include <stdexcept>

namespace tests {
namespace {

void check(bool done) {
  if (!done) throw std::runtime_error("cannot make a certificate");
}

void extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  check(extension != nullptr);
  check(X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

template <class Write>
std::string write_file(const std::filesystem::path& path, Write write) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  check(file != nullptr);
  const bool written = write(file) == 1;
  check(std::fclose(file) == 0 && written);
  return path.string();
}

}  // namespace

void Authority::KeyFree::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }
void Authority::CertificateFree::operator()(x509_st* certificate) const { X509_free(certificate); }

Authority::Certificate Authority::draft(evp_pkey_st* key, const std::string& name) {
  static long serial = 0;
  Certificate certificate(X509_new());
  check(certificate != nullptr);
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return certificate;
}

Authority::Authority(const std::string& name) : key_(EVP_EC_gen("P-256")) {
  std::string folder = (std::filesystem::temp_directory_path() / "meerkat-ca-XXXXXX").string();
  check(mkdtemp(folder.data()) != nullptr && key_ != nullptr);
  folder_ = folder;
  certificate_ = draft(key_.get(), name);
  X509* own = certificate_.get();
  X509_set_issuer_name(own, X509_get_subject_name(own));
  extend(own, own, NID_basic_constraints, "critical,CA:TRUE");
  extend(own, own, NID_key_usage, "critical,keyCertSign,cRLSign");
  extend(own, own, NID_subject_key_identifier, "hash");
  check(X509_sign(own, key_.get(), EVP_sha256()) > 0);
  file_ =
      write_file(folder_ / "ca.crt", [own](std::FILE* file) { return PEM_write_X509(file, own); });
}

Authority::~Authority() {
  std::error_code ignored;  // Left-overs in a temporary folder fail no test.
  std::filesystem::remove_all(folder_, ignored);
}

IssuedFiles Authority::issue(const std::vector<std::string>& names, std::chrono::seconds valid_for,
                             const std::string& usage) {
  const Key key(EVP_EC_gen("P-256"));
  check(key != nullptr);
  const std::string number = std::to_string(++issued_);
  const Certificate certificate = draft(key.get(), "issued " + number);
  X509* made = certificate.get();
  X509_gmtime_adj(X509_getm_notAfter(made), static_cast<long>(valid_for.count()));
  X509_set_issuer_name(made, X509_get_subject_name(certificate_.get()));
  std::string joined;
  for (const std::string& name : names) joined += (joined.empty() ? "" : ",") + name;
  extend(made, certificate_.get(), NID_basic_constraints, "critical,CA:FALSE");
  extend(made, certificate_.get(), NID_key_usage, "critical,digitalSignature");
  extend(made, certificate_.get(), NID_ext_key_usage, usage);
  if (!joined.empty()) extend(made, certificate_.get(), NID_subject_alt_name, joined);
  check(X509_sign(made, key_.get(), EVP_sha256()) > 0);
  IssuedFiles files;
  files.certificate = write_file(folder_ / (number + ".crt"),
                                 [made](std::FILE* file) { return PEM_write_X509(file, made); });
  files.key = write_file(folder_ / (number + ".key"), [&](std::FILE* file) {
    return PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  return files;
}

}  // namespace tests
