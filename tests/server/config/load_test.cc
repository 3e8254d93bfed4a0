#include "server/config/load.h"

#include <gtest/gtest.h>

#include <sstream>

#include "tests/server/config/loading.h"

namespace server {
namespace {

using namespace std::chrono_literals;

TEST(Config, NeedsNothingForASingleNode) {
  const auto loaded = load_config({}, test_environment);
  ASSERT_TRUE(loaded.has_value()) << render(loaded.error());
  EXPECT_EQ(loaded->config.domains, std::vector<std::string>{"localhost"});
  EXPECT_EQ(loaded->config.node.name, "pod-7");
  EXPECT_FALSE(loaded->config.mysql);
  EXPECT_EQ(loaded->config.storage.sqlite, "meerkat.db");
  EXPECT_EQ(loaded->config.listen.c2s, (Endpoint{"0.0.0.0", 5222}));
  EXPECT_EQ(loaded->action, Action::serve);
  EXPECT_TRUE(loaded->warnings.empty());
}

TEST(Config, ReadsEveryKindOfValue) {
  const Config config = loaded(
                            "domains = [\"${DOMAIN}\", \"example.org\"]\n"
                            "[listen]\n"
                            "c2s = \"[::1]:5322\"\n"
                            "c2s_tls = \"off\"\n"
                            "[mysql]\n"
                            "url = \"mysql://m%40k@[::1]:3307/meer%2Dkat?socket=/run/m.sock\"\n"
                            "lease = \"1500ms\"\n"
                            "[peers]\n"
                            "silence_max = \"250ms\"\n"
                            "[limits]\n"
                            "sessions_max = \"1.5k\"\n"
                            "send_queue_bytes_max = \"2MiB\"\n"
                            "login_rate = \"90/min\"\n"
                            "[c2s]\n"
                            "tls_required = false\n"
                            "ping_interval = \"0\"\n"
                            "[log]\n"
                            "format = \"text\"\n",
                            {"--c2s-mechanisms=SCRAM-SHA-1,PLAIN", "--register-enabled"})
                            .config;
  EXPECT_EQ(config.domains, (std::vector<std::string>{"example.net", "example.org"}));
  EXPECT_EQ(config.listen.c2s, (Endpoint{"::1", 5322}));
  EXPECT_FALSE(config.listen.c2s_tls);
  ASSERT_TRUE(config.mysql);
  EXPECT_EQ(config.mysql->user, "m@k");
  EXPECT_EQ(config.mysql->host, "::1");
  EXPECT_EQ(config.mysql->port, 3307);
  EXPECT_EQ(config.mysql->database, "meer-kat");
  EXPECT_EQ(config.mysql->socket, "/run/m.sock");
  EXPECT_EQ(config.mysql->lease, 1500ms);
  EXPECT_EQ(config.peers.silence_max, 250ms);
  EXPECT_EQ(config.limits.sessions_max, 1500u);
  EXPECT_EQ(config.limits.send_queue_bytes_max, 2u * 1024 * 1024);
  EXPECT_EQ(config.limits.login_rate, Rate{1.5});
  EXPECT_FALSE(config.c2s.tls_required);
  EXPECT_EQ(config.c2s.ping_interval, 0ms);
  EXPECT_EQ(config.c2s.mechanisms, (std::vector<std::string>{"SCRAM-SHA-1", "PLAIN"}));
  EXPECT_TRUE(config.registration.enabled);
  EXPECT_EQ(config.log.format, LogFormat::text);
}

TEST(Config, FindsFilesBesideTheFileThatNamesThem) {
  const ConfigFolder folder;
  std::filesystem::create_directory("etc");
  folder.write("etc/secret", "s3cret\n");
  folder.write("etc/meerkat.toml", "domains = [\"a\"]\npeers = { secret_file = \"secret\" }\n");
  const auto loaded =
      load_config({"--config=etc/meerkat.toml", "--storage-sqlite=users.db"}, test_environment);
  ASSERT_TRUE(loaded.has_value()) << render(loaded.error());
  EXPECT_EQ(loaded->config.peers.secret_file, "etc/secret");
  EXPECT_EQ(loaded->config.storage.sqlite, "users.db");
}

// Hardening D3.
TEST(Config, WarnsOfWhatWeakensIt) {
  const auto warnings = loaded(
                            "domains = [\"a\"]\nregister.enabled = true\n"
                            "mysql.url = \"mysql://m@db/meerkat\"\nc2s.tls_required = false\n")
                            .warnings;
  EXPECT_EQ(
      warnings,
      (std::vector<std::string>{
          "[peers] has no secret_file: this node refuses to have peers",
          "[c2s] tls_required is false: logins and messages may cross the network unencrypted",
          "[register] enabled is true: anybody who can connect can make accounts"}));
}

std::string without_origins(const std::string& printed) {
  std::string values;
  std::istringstream lines(printed);
  for (std::string line; std::getline(lines, line);) {
    values += line.substr(0, line.find("  # ")) + "\n";
  }
  return values;
}

TEST(PrintConfig, SaysWhereEachValueComesFrom) {
  const std::string printed = loaded("domains = [\"example.org\"]\n\n[drain]\nrate = \"200/s\"\n",
                                     {"--listen-c2s=127.0.0.1:5322"})
                                  .print();
  const auto expect_line = [&](std::string value, const std::string& origin) {
    value.resize(40, ' ');
    const std::string line = "\n" + value + "  # " + origin + "\n";
    EXPECT_NE(("\n" + printed).find(line), std::string::npos) << line << "is not in\n" << printed;
  };
  expect_line("domains = [\"example.org\"]", "meerkat.toml:1");
  expect_line("name = \"pod-7\"", "default");
  expect_line("c2s = \"127.0.0.1:5322\"", "--listen-c2s");
  expect_line("rate = \"200/s\"", "meerkat.toml:4");
  expect_line("sessions_max = \"200k\"", "default");
  EXPECT_EQ(printed.find("[mysql]"), std::string::npos);
}

// What is printed is a configuration again, with the same meaning.
TEST(PrintConfig, CanBeReadBack) {
  const std::string printed =
      loaded(
          "domains = [\"example.org\"]\nmysql.url = \"mysql://m@db:3307/meerkat\"\n"
          "limits.login_rate = \"90/min\"\nnode.name = \"a\"\n",
          {"--drain-notice=1500ms"})
          .print();
  const std::string values = without_origins(printed);
  EXPECT_EQ(without_origins(loaded(values).print()), values);
}

TEST(Help, HasALineForEachFlagOfTheReference) {
  const std::string help = config_help();
  const std::string reference = config_reference();
  EXPECT_NE(help.find("--listen-c2s=address"), std::string::npos);
  EXPECT_NE(help.find("--migrate=auto|only|never"), std::string::npos);
  std::size_t keys = 0;
  for (std::size_t at = 0; (at = reference.find("\n| `", at)) != std::string::npos; ++at) ++keys;
  std::size_t flags = 0;
  for (std::size_t at = 0; (at = help.find("\n  --", at)) != std::string::npos; ++at) ++flags;
  EXPECT_EQ(flags, keys + 6);  // --config and the other flags that are no keys
}

TEST(Reference, IsThePageInTheDocs) {
  std::ifstream file("docs/configuration.md");
  std::stringstream page;
  page << file.rdbuf();
  EXPECT_EQ(page.str(), config_reference())
      << "bazel run //server/config:print_reference > docs/configuration.md";
}

}  // namespace
}  // namespace server
