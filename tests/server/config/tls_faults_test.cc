#include <gtest/gtest.h>

#include <filesystem>

#include "server/config/load.h"
#include "tests/server/config/config_folder.h"
#include "tests/support/authority.h"

namespace server {
namespace {

using namespace std::chrono_literals;

/// A folder with a node's files, and what the user sees when a node is started there.
class TlsFaults : public testing::Test {
 protected:
  void SetUp() override { place(authority_.issue({"DNS:node-1"})); }

  void place(const tests::IssuedFiles& files) {
    namespace fs = std::filesystem;
    constexpr auto over = fs::copy_options::overwrite_existing;
    fs::copy_file(files.certificate, folder_.path() / "node.crt", over);
    fs::copy_file(files.key, folder_.path() / "node.key", over);
    fs::copy_file(authority_.file(), folder_.path() / "ca.crt", over);
    fs::permissions(folder_.path() / "node.key", fs::perms::owner_read | fs::perms::owner_write);
  }

  std::string faults(const std::string& sections) {
    folder_.write("meerkat.toml", "domains = [\"a\"]\nnode.name = \"node-1\"\n" + sections);
    const auto loaded = load_config({"--config=meerkat.toml"});
    return loaded ? std::string() : render(loaded.error());
  }

  const std::string files_ = "certificate = \"node.crt\"\nkey = \"node.key\"\nca = \"ca.crt\"\n";
  tests::Authority authority_;
  ConfigFolder folder_;
};

TEST_F(TlsFaults, AreNoneWithFilesThatBelongTogether) {
  EXPECT_EQ(faults("[peers]\ntls = \"required\"\n" + files_), "");
  EXPECT_EQ(faults("[peers]\ntls = \"optional\"\n" + files_), "");
  EXPECT_EQ(faults("[peers]\ntls = \"off\"\n" + files_), "");
  place(authority_.issue({"DNS:node-1.example"}));
  EXPECT_EQ(faults("[peers]\ntls = \"required\"\npeer_name = \"{node}.example\"\n" + files_), "");
}

TEST_F(TlsFaults, NameTheLineAndAFix) {
  EXPECT_EQ(
      faults("[peers]\ntls = \"require\"\n"),
      "meerkat.toml:4:7: error: [peers] tls: unknown value `require`; did you mean required?\n"
      "  4 | tls = \"require\"\n"
      "    |       ^^^^^^^^^\n"
      "  fix: one of off, optional, required\n"
      "1 error, nothing started\n");
}

// Each with what is said first and the fix that is offered.
TEST_F(TlsFaults, SayWhatIsMissingOrDoesNotBelong) {
  const auto expect = [&](const std::string& sections, const std::string& fault,
                          const std::string& fix) {
    const std::string shown = faults(sections);
    EXPECT_NE(shown.find(fault), std::string::npos) << fault << "\nis not in\n" << shown;
    EXPECT_NE(shown.find(fix), std::string::npos) << fix << "\nis not in\n" << shown;
  };
  const std::string required = "[peers]\ntls = \"required\"\n";
  expect(required, "[peers] tls is on, but there is no certificate",
         "add certificate = \"node.crt\" to [peers]");
  expect(required, "[peers] tls is on, but there is no ca", "add ca = \"ca.crt\" to [peers]");
  expect("[peers]\n" + files_, "[peers] certificate is given, but tls is off by default",
         "add tls = \"required\" to [peers]");
  expect(required + "certificate = \"no.crt\"\nkey = \"node.key\"\nca = \"ca.crt\"\n",
         "[peers] certificate: cannot read no.crt", "an existing PEM file");
  expect(required + files_ + "peer_name = \"{node}.example\"\n",
         "[peers] the certificate node.crt is not for \"node-1.example\": no peer would take it",
         "subjectAltName");
  place(authority_.issue({"DNS:node-1"}, -60s));
  expect(required + files_, "[peers] the certificate node.crt has expired", "subjectAltName");
  place(authority_.issue({"DNS:node-1"}, 1h, "serverAuth"));
  expect(required + files_, "[peers] the certificate node.crt may not be used for both ends",
         "subjectAltName");
  folder_.write("ca.crt", "nothing\n");
  expect(required + files_, "[peers] cannot read the authorities' certificates ca.crt",
         "PEM files");
  chmod("node.key", 0644);
  expect(required + files_, "[peers] key: node.key can be read by everybody", "chmod 600 node.key");
}

TEST_F(TlsFaults, OfMysql) {
  const std::string url = "[mysql]\nurl = \"mysql://m@db/meerkat\"\n";
  EXPECT_EQ(faults(url + "tls = true\ntls_ca = \"ca.crt\"\n"), "");
  EXPECT_NE(faults(url + "tls = true\n").find("[mysql] tls is true, but there is no tls_ca"),
            std::string::npos);
  EXPECT_NE(faults(url + "tls_ca = \"ca.crt\"\n").find("but tls is false by default"),
            std::string::npos);
  EXPECT_NE(faults(url + "tls = true\ntls_ca = \"no.crt\"\n").find("cannot read no.crt"),
            std::string::npos);
  EXPECT_NE(faults("[mysql]\nurl = \"mysql://m@db/meerkat?socket=/s\"\ntls = true\n"
                   "tls_ca = \"ca.crt\"\n")
                .find("but url names a Unix socket"),
            std::string::npos);
}

}  // namespace
}  // namespace server
