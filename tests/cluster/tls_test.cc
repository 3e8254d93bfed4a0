#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/authority.h"
#include "tests/support/eventually.h"
#include "tests/support/mariadb.h"
#include "tests/support/node_process.h"

namespace tests {
namespace {

using namespace std::chrono_literals;

/// Nodes whose links and whose database are TLS, with the files that they read in one folder.
class TlsNodes : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(std::getenv("TEST_TMPDIR")) / "certificates";
    std::filesystem::create_directories(folder_);
    const IssuedFiles files = authority_.issue({"IP:127.0.0.1"});
    database_ = std::make_unique<MariaDb>(
        std::vector<std::string>{"--ssl-cert=" + files.certificate, "--ssl-key=" + files.key,
                                 "--require-secure-transport=ON"});
  }

  /// Puts a certificate of that authority where the node `name` reads it.
  void place(const std::string& name, Authority& authority, const std::string& ca) {
    namespace fs = std::filesystem;
    constexpr auto over = fs::copy_options::overwrite_existing;
    const IssuedFiles files = authority.issue({"DNS:" + name});
    fs::copy_file(files.certificate, folder_ / (name + ".crt"), over);
    fs::copy_file(files.key, folder_ / (name + ".key"), over);
    fs::copy_file(ca, folder_ / (name + "-ca.crt"), over);
    fs::permissions(folder_ / (name + ".key"), fs::perms::owner_read | fs::perms::owner_write);
  }

  std::unique_ptr<NodeProcess> start(const std::string& name, const std::string& mode) {
    const std::string at = (folder_ / name).string();
    NodeProcessOptions options;
    options.name = name;
    options.database = database_.get();
    options.flags = {"--mysql-tls=true",           "--mysql-tls-ca=" + authority_.file(),
                     "--peers-tls=" + mode,        "--peers-certificate=" + at + ".crt",
                     "--peers-key=" + at + ".key", "--peers-ca=" + at + "-ca.crt",
                     "--drain-notice=10ms"};
    auto node = std::make_unique<NodeProcess>(options);
    node->start();
    return node;
  }

  static bool has(const NodeProcess& node, const std::string& line) {
    return node.health("/metrics").body.find(line + "\n") != std::string::npos;
  }

  Authority authority_;
  std::filesystem::path folder_;
  std::unique_ptr<MariaDb> database_;
};

TEST_F(TlsNodes, JoinByIt) {
  for (const char* name : {"n1", "n2"}) place(name, authority_, authority_.file());
  const auto n1 = start("n1", "required"), n2 = start("n2", "required");
  n1->wait_until_ready();
  n2->wait_until_ready();
  EXPECT_TRUE(eventually(10s, [&] {
    return has(*n1, "meerkat_peer_tls{peer=\"n2\"} 1") &&
           has(*n2, "meerkat_peer_tls{peer=\"n1\"} 1");
  })) << n1->log();
}

TEST_F(TlsNodes, TellThatALinkIsInClear) {
  for (const char* name : {"n1", "n2"}) place(name, authority_, authority_.file());
  const auto n1 = start("n1", "optional"), n2 = start("n2", "off");
  n1->wait_until_ready();
  n2->wait_until_ready();
  EXPECT_TRUE(eventually(10s, [&] { return has(*n1, "meerkat_peer_tls{peer=\"n2\"} 0"); }));
  EXPECT_NE(n1->log().find("link_in_clear"), std::string::npos) << n1->log();
}

// A new authority, node by node and without a restart: first all trust it, then all use it.
TEST_F(TlsNodes, TakeNewCertificatesOnSighup) {
  for (const char* name : {"n1", "n2"}) place(name, authority_, authority_.file());
  const auto n1 = start("n1", "required"), n2 = start("n2", "required");
  n1->wait_until_ready();
  n2->wait_until_ready();
  Authority next("next");
  for (NodeProcess* node : {n1.get(), n2.get()}) {
    place(node->name(), next, next.file());
    node->reload();
    ASSERT_TRUE(eventually(10s, [&] {
      return node->log().find("tls_reloaded") != std::string::npos;
    })) << node->log();
  }
  EXPECT_TRUE(has(*n1, "meerkat_peer_tls{peer=\"n2\"} 1"));  // The link stands.
  place("n3", next, next.file());
  place("n4", authority_, authority_.file());
  const auto n3 = start("n3", "required"), n4 = start("n4", "required");
  n3->wait_until_ready();
  EXPECT_TRUE(eventually(10s, [&] { return has(*n1, "meerkat_peer_tls{peer=\"n3\"} 1"); }));
  EXPECT_TRUE(eventually(10s, [&] {
    return n4->log().find("not from a trusted authority") != std::string::npos;
  })) << n4->log();

  // Broken files change nothing.
  std::filesystem::copy_file(folder_ / "n2.key", folder_ / "n1.key",
                             std::filesystem::copy_options::overwrite_existing);
  n1->reload();
  EXPECT_TRUE(eventually(10s, [&] {
    return n1->log().find("tls_reload_failed") != std::string::npos;
  })) << n1->log();
}

}  // namespace
}  // namespace tests
