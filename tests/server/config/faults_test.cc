// What the user sees when a configuration is wrong.

#include <gtest/gtest.h>

#include "server/config/load.h"
#include "tests/server/config/loading.h"

namespace server {
namespace {

// The sample of the user's manual: three kinds of faults, in one go.
TEST(Config, ReportsAllFaultsAtOnceWithLineAndFix) {
  const std::string toml =
      "domains = [\"example.org\"]\n"  // 1
      "\n"
      "\n"
      "\n"
      "\n"
      "[listen]\n"                       // 6
      "c2s       = \"0.0.0.0:70000\"\n"  // 7
      "\n"
      "\n"
      "\n"
      "\n"
      "\n"
      "\n"
      "[peers]\n"               // 14
      "silence_max = \"3s\"\n"  // 15
      "\n"
      "[mysql]\n"                         // 17
      "url = \"mysql://m@db/meerkat\"\n"  // 18
      "lease = \"2s\"\n"                  // 19
      "\n"
      "\n"
      "\n"
      "\n"
      "\n"
      "\n"
      "[drain]\n"             // 26
      "dedline = \"60s\"\n";  // 27
  EXPECT_EQ(faults_of(toml),
            "meerkat.toml:7:13: error: [listen] c2s: port 70000 is above 65535\n"
            "  7 | c2s       = \"0.0.0.0:70000\"\n"
            "    |             ^^^^^^^^^^^^^^^\n"
            "  fix: a port from 1 to 65535; clients expect 5222\n"
            "meerkat.toml:19:9: error: [mysql] lease 2s is shorter than [peers] silence_max 3s "
            "(line 15): live nodes would be removed\n"
            "meerkat.toml:27:1: error: [drain] unknown key `dedline`; did you mean `deadline`?\n"
            "3 errors, nothing started\n");
}

struct Case {
  const char* toml;   ///< After a line with the domains.
  const char* fault;  ///< What is said, but for the count.
};

TEST(Config, SaysWhatIsWrongWithAValue) {
  const Case cases[] = {
      {"loops = \"many\"",
       "meerkat.toml:2:9: error: loops: \"many\" does not begin with a number\n"
       "  2 | loops = \"many\"\n"
       "    |         ^^^^^^\n"
       "  fix: a count such as 500, \"200k\" or \"1M\"\n"},
      {"loops = -1",
       "meerkat.toml:2:9: error: loops: \"-1\" does not begin with a number\n"
       "  2 | loops = -1\n"
       "    |         ^^\n"
       "  fix: a count such as 500, \"200k\" or \"1M\"\n"},
      {"loops = 257",
       "meerkat.toml:2:9: error: loops: 257 is above 256\n"
       "  2 | loops = 257\n"
       "    |         ^^^\n"
       "  fix: from 0 to 256\n"},
      {"peers = { silence_max = 3 }",
       "meerkat.toml:2:25: error: [peers] silence_max: \"3\" has no unit\n"
       "  2 | peers = { silence_max = 3 }\n"
       "    |                         ^\n"
       "  fix: a duration such as \"250ms\", \"3s\", \"5min\"\n"},
      {"peers = { silence_max = \"3 s\" }",
       "meerkat.toml:2:25: error: [peers] silence_max: unknown unit ` s`\n"
       "  2 | peers = { silence_max = \"3 s\" }\n"
       "    |                         ^^^^^\n"
       "  fix: a duration such as \"250ms\", \"3s\", \"5min\"\n"},
      {"drain.rate = \"500\"",
       "meerkat.toml:2:14: error: [drain] rate: \"500\" does not say per what\n"
       "  2 | drain.rate = \"500\"\n"
       "    |              ^^^^^\n"
       "  fix: a rate such as \"500/s\", \"2k/s\" or \"30/min\"\n"},
      // RFC 6120 §13.12 wants at least 10,000 bytes.
      {"limits.stanza_bytes_max = 9999",
       "meerkat.toml:2:27: error: [limits] stanza_bytes_max: 9999 is below 10000\n"
       "  2 | limits.stanza_bytes_max = 9999\n"
       "    |                           ^^^^\n"
       "  fix: from 10000 to 1GiB\n"},
      {"log.level = \"debgu\"",
       "meerkat.toml:2:13: error: [log] level: unknown value `debgu`; did you mean debug?\n"
       "  2 | log.level = \"debgu\"\n"
       "    |             ^^^^^^^\n"
       "  fix: one of trace, debug, info, warning, error\n"},
      {"c2s.tls_required = \"yes\"",
       "meerkat.toml:2:20: error: [c2s] tls_required: must be a boolean\n"
       "  2 | c2s.tls_required = \"yes\"\n"
       "    |                    ^^^^^\n"
       "  fix: true or false, without quotes\n"},
      {"listen.c2s = \"example.org:5222\"",
       "meerkat.toml:2:14: error: [listen] c2s: \"example.org\" is not an IP address\n"
       "  2 | listen.c2s = \"example.org:5222\"\n"
       "    |              ^^^^^^^^^^^^^^^^^^\n"
       "  fix: an address and a port such as \"0.0.0.0:5222\" or \"[::]:5222\", or \"off\"\n"},
      // Hardening H3.
      {"listen.admin = \"0.0.0.0:5298\"",
       "meerkat.toml:2:16: error: [listen] admin: 0.0.0.0:5298 can be reached from outside, and "
       "the "
       "API has no TLS\n"
       "  2 | listen.admin = \"0.0.0.0:5298\"\n"
       "    |                ^^^^^^^^^^^^^^\n"
       "  fix: a loopback address such as \"127.0.0.1:5298\"; reach it through an SSH tunnel\n"},
      {"listen.c2s_tls = \"0.0.0.0:5222\"",
       "meerkat.toml:2:18: error: [listen] c2s_tls: 0.0.0.0:5222 is taken by c2s (default)\n"},
      {"node.name = \"${NOBODY}\"",
       "meerkat.toml:2:13: error: [node] name: `${NOBODY}` is not in the environment\n"
       "  2 | node.name = \"${NOBODY}\"\n"
       "    |             ^^^^^^^^^^^\n"
       "  fix: set NOBODY\n"},
      {"node.name = \"self\"",
       "meerkat.toml:2:13: error: [node] name: `self` means the node that is asked\n"
       "  2 | node.name = \"self\"\n"
       "    |             ^^^^^^\n"
       "  fix: another name\n"},
      {"mysql.url = \"mysql://m:secret@db/meerkat\"",
       "meerkat.toml:2:13: error: [mysql] url: holds a password\n"
       "  2 | mysql.url = \"mysql://m:secret@db/meerkat\"\n"
       "    |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
       "  fix: put it into a file and name that as password_file\n"},
      {"mysql.url = \"postgres://m@db/meerkat\"",
       "meerkat.toml:2:13: error: [mysql] url: unknown scheme `postgres`\n"
       "  2 | mysql.url = \"postgres://m@db/meerkat\"\n"
       "    |             ^^^^^^^^^^^^^^^^^^^^^^^^^\n"
       "  fix: mysql://user@host:3306/database\n"},
      {"mysql.lease = \"20s\"",
       "meerkat.toml:2:15: error: [mysql] has no url\n"
       "  2 | mysql.lease = \"20s\"\n"
       "    |               ^^^^^\n"
       "  fix: add url = \"mysql://user@host:3306/database\" to [mysql]\n"},
      {"tls.key = \"key.pem\"",
       "meerkat.toml:2:11: error: [tls] key without certificate\n"
       "  2 | tls.key = \"key.pem\"\n"
       "    |           ^^^^^^^^^\n"
       "  fix: give both, or none for a certificate that the node makes itself\n"},
      {"peers.secret_file = \"nowhere\"",
       "meerkat.toml:2:21: error: [peers] secret_file: cannot read nowhere: No such file or "
       "directory\n"
       "  2 | peers.secret_file = \"nowhere\"\n"
       "    |                     ^^^^^^^^^\n"
       "  fix: a file of one line that this user may read\n"},
      {"peers = { forget_after = \"1s\" }",
       "meerkat.toml:2:26: error: [peers] forget_after 1s is shorter than silence_max 3s "
       "(default): "
       "records would go before their node counts as unreachable\n"},
      {"discovery.backend = \"file\"",
       "meerkat.toml:2:21: error: [discovery] backend is file, but there is no file\n"
       "  2 | discovery.backend = \"file\"\n"
       "    |                     ^^^^^^\n"
       "  fix: add file = \"nodes.txt\" to [discovery]\n"},
      {"discovery.backend = \"dns\"",
       "meerkat.toml:2:21: error: [discovery] backend is dns, but there is no name\n"
       "  2 | discovery.backend = \"dns\"\n"
       "    |                     ^^^^^\n"
       "  fix: add name = \"_peers._tcp.meerkat.default.svc.cluster.local\" to [discovery]\n"},
      {"discovery = { backend = \"dns\", name = \"_peers.meerkat\" }",
       "meerkat.toml:2:39: error: [discovery] name: \"_peers.meerkat\" is not a name in DNS\n"
       "  2 | discovery = { backend = \"dns\", name = \"_peers.meerkat\" }\n"
       "    |                                       ^^^^^^^^^^^^^^^^\n"
       "  fix: a name such as \"_peers._tcp.meerkat.default.svc.cluster.local\"\n"},
      {"discovery = { backend = \"dns\", name = \"_peers._tcp.meerkat\", port = 5290 }",
       "meerkat.toml:2:69: error: [discovery] port: the SRV records of _peers._tcp.meerkat say the "
       "ports\n"
       "  2 | discovery = { backend = \"dns\", name = \"_peers._tcp.meerkat\", port = 5290 }\n"
       "    |                                                                     ^^^^\n"
       "  fix: leave it out\n"},
      {"discovery = { backend = \"dns\", name = \"meerkat.test\" }\nnode.name = \"n1\"",
       "meerkat.toml:3:13: error: [node] name: n1 is not an address, and meerkat.test has no SRV "
       "records: its nodes are called by their addresses\n"
       "  3 | node.name = \"n1\"\n"
       "    |             ^^^^\n"
       "  fix: name = \"${POD_IP}\" in [node], or a name with SRV records in [discovery]\n"},
      {"discovery = { backend = \"dns\", name = \"_peers._tcp.meerkat\" }\nnode.name = \"N1\"",
       "meerkat.toml:3:13: error: [node] name: N1 is not the first label of a target, in lower "
       "case, as nodes are called by SRV records\n"
       "  3 | node.name = \"N1\"\n"
       "    |             ^^^^\n"
       "  fix: name = \"meerkat-0\" for a target meerkat-0.meerkat.default.svc.cluster.local\n"},
      {"discovery.server = \"10.96.0.10:53\"",
       "meerkat.toml:2:20: error: [discovery] server is for the back end dns\n"
       "  2 | discovery.server = \"10.96.0.10:53\"\n"
       "    |                    ^^^^^^^^^^^^^^^\n"
       "  fix: backend = \"dns\", or leave it out\n"},
      {"discovery.file = \"nodes.txt\"",
       "meerkat.toml:2:18: error: [discovery] file is for the back end file\n"
       "  2 | discovery.file = \"nodes.txt\"\n"
       "    |                  ^^^^^^^^^^^\n"
       "  fix: backend = \"file\", or leave it out\n"},
      {"c2s.mechanisms = [\"SCRAM-SHA-1\", \"DIGEST-MD5\"]",
       "meerkat.toml:2:18: error: [c2s] mechanisms: unknown mechanism `DIGEST-MD5`\n"
       "  2 | c2s.mechanisms = [\"SCRAM-SHA-1\", \"DIGEST-MD5\"]\n"
       "    |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
       "  fix: any of SCRAM-SHA-256-PLUS, SCRAM-SHA-256, SCRAM-SHA-1-PLUS, SCRAM-SHA-1, PLAIN\n"},
      {"listen = 5222",
       "meerkat.toml:2:10: error: listen is a section, not a value\n"
       "  2 | listen = 5222\n"
       "    |          ^^^^\n"
       "  fix: put its keys under [listen]\n"},
      {"lisetn = 5222", "meerkat.toml:2:1: error: unknown key `lisetn`; did you mean `listen`?\n"},
      {"zebra = 1", "meerkat.toml:2:1: error: unknown key `zebra`\n"},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(faults_of(std::string("domains = [\"example.org\"]\n") + one.toml + "\n"),
              std::string(one.fault) + "1 error, nothing started\n");
  }
}

TEST(Config, UnderlinesTheRightCharactersBehindUmlautsAndTabs) {
  EXPECT_EQ(faults_of("\tdomains = [\"ä\", \"b@c\"]\n"),
            "meerkat.toml:1:12: error: domains: \"b@c\" is not a domain\n"
            "  1 | \tdomains = [\"ä\", \"b@c\"]\n"
            "    | \t          ^^^^^^^^^^^^\n"
            "  fix: a name such as \"example.org\"\n"
            "1 error, nothing started\n");
}

TEST(Config, PointsAtAnUmlautThatStandsInNoQuotes) {
  const std::string text = faults_of("domains = [\"ä\"] # ä\nx = \"\"\"ä\\\"\"\"\"\"\"\nä = 'ä'\n");
  EXPECT_TRUE(
      text.starts_with("meerkat.toml:3:1: error: not TOML: a character that only stands in "
                       "quotes\n  3 | ä = 'ä'\n    | ^\n"))
      << text;
}

TEST(Config, NamesTheLineOfASyntaxError) {
  const std::string text = faults_of("domains = [\"example.org\"]\n[listen\n");
  EXPECT_TRUE(text.starts_with("meerkat.toml:2:8: error: not TOML: ")) << text;
  EXPECT_TRUE(text.ends_with("1 error, nothing started\n")) << text;
}

TEST(Config, WantsTheDomainsInAFile) {
  EXPECT_EQ(faults_of("loops = 1\n"),
            "meerkat.toml: error: domains is missing: the domains that this server serves\n"
            "  fix: domains = [\"example.org\"]\n"
            "1 error, nothing started\n");
}

TEST(Config, SaysWhenTheFileCannotBeRead) {
  const ConfigFolder folder;
  const auto loaded = load_config({"--config=absent.toml"}, test_environment);
  ASSERT_TRUE(loaded.has_error());
  EXPECT_EQ(render(loaded.error()),
            "absent.toml: error: cannot be read: No such file or directory\n"
            "1 error, nothing started\n");
}

TEST(Config, PointsAtTheFlagThatIsWrong) {
  const auto loaded = load_config({"--listen-c2s=0.0.0.0:70000", "--drain-ratee=1/s",
                                   "meerkat.toml", "--migrate=maybe", "--loops"},
                                  test_environment);
  ASSERT_TRUE(loaded.has_error());
  EXPECT_EQ(render(loaded.error()),
            "--drain-ratee: error: unknown flag; did you mean --drain-rate?\n"
            "meerkat.toml: error: this is not a flag\n"
            "  fix: the file is named by --config=meerkat.toml\n"
            "--migrate: error: unknown value `maybe`\n"
            "  fix: one of auto, only, never\n"
            "--loops: error: needs a value\n"
            "  fix: --loops=…\n"
            "--listen-c2s: error: [listen] c2s: port 70000 is above 65535\n"
            "  fix: a port from 1 to 65535; clients expect 5222\n"
            "5 errors, nothing started\n");
}

TEST(Config, TakesDiscoveryByDns) {
  ConfigFolder folder;
  const auto load = [&](const std::string& toml) {
    folder.write("meerkat.toml", "domains = [\"example.org\"]\n" + toml);
    const auto loaded = load_config({"--config=meerkat.toml"}, test_environment);
    EXPECT_TRUE(loaded.has_value()) << (loaded.has_value() ? "" : render(loaded.error()));
    return loaded->config;
  };
  Config config = load(
      "node.name = \"meerkat-0\"\n"
      "[discovery]\nbackend = \"dns\"\nname = \"_peers._tcp.meerkat.default.svc.cluster.local.\"\n"
      "server = \"10.96.0.10:53\"\ninterval = \"500ms\"\n");
  EXPECT_EQ(config.discovery.backend, DiscoveryBackend::dns);
  EXPECT_EQ(config.discovery.server, "10.96.0.10:53");
  EXPECT_EQ(config.discovery.interval, std::chrono::milliseconds(500));
  config = load(
      "node.name = \"10.1.2.3\"\n[discovery]\nbackend = \"dns\"\nname = \"meerkat\"\n"
      "port = 5000\n");
  EXPECT_EQ(config.discovery.port, 5000);
  // As ${POD_IP} gives it.
  config = load("node.name = \"FD00::7\"\n[discovery]\nbackend = \"dns\"\nname = \"meerkat\"\n");
  EXPECT_EQ(config.node.name, "fd00--7");
}

// Hardening T5, H10.
TEST(Config, RefusesSecretsThatAreOpenOrPlaceholders) {
  const ConfigFolder folder;
  folder.write("open", "s3cret\n", 0644);
  folder.write("placeholder", "changeme\n");
  folder.write("empty", "\n");
  for (const auto& [file, message] : {std::pair{"open", "open can be read by everybody"},
                                      {"placeholder", "placeholder still holds a placeholder"},
                                      {"empty", "empty is empty"}}) {
    const auto loaded = load_config({std::string("--peers-secret-file=") + file}, test_environment);
    ASSERT_TRUE(loaded.has_error()) << file;
    EXPECT_EQ(loaded.error().at(0).message, std::string("[peers] secret_file: ") + message);
  }
}

}  // namespace
}  // namespace server
