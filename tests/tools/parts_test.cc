// The smaller parts of `cluster`: metrics, addresses, messages, logs, accounts, certificates.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tools/cluster/accounts.h"
#include "tools/cluster/credentials.h"
#include "tools/cluster/database.h"
#include "tools/cluster/http.h"
#include "tools/cluster/logs.h"
#include "tools/cluster/message.h"
#include "tools/cluster/programs.h"

namespace cluster {
namespace {

namespace fs = std::filesystem;

fs::path test_folder() { return std::getenv("TEST_TMPDIR"); }

std::string contents(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Metrics, SumsSessionsOverTransports) {
  const NodeSample sample = parse_metrics(
      "# HELP meerkat_sessions x\n"
      "meerkat_build_info{version=\"0.5.0\",commit=\"9f2c\"} 1\n"
      "meerkat_sessions{transport=\"tcp\"} 10000\n"
      "meerkat_sessions{transport=\"tls\"} 112\n"
      "meerkat_sessions_max 200000\n");
  EXPECT_EQ(sample.sessions, 10112U);
  EXPECT_EQ(sample.version, "0.5.0");
}

TEST(Metrics, OfSomethingElseAreNone) {
  EXPECT_EQ(parse_metrics("<html>").sessions, 0U);
  EXPECT_EQ(parse_metrics("meerkat_sessions").sessions, 0U);
  EXPECT_EQ(parse_metrics("meerkat_sessions{} -3\nmeerkat_build_info{").version, "");
}

TEST(MysqlUrl, KeepsThePasswordApart) {
  const auto url = parse_mysql_url("mysql://meerkat:p@ss:w@db.example.org:3307/chat");
  ASSERT_TRUE(url) << url.error().text;
  EXPECT_EQ(url->record.user, "meerkat");
  EXPECT_EQ(url->password, "p@ss:w");
  EXPECT_EQ(url->record.host, "db.example.org");
  EXPECT_EQ(url->record.port, 3307);
  EXPECT_EQ(url->record.database, "chat");
  EXPECT_TRUE(url->record.external);
}

TEST(MysqlUrl, OfAnotherFormIsRefused) {
  for (const char* url :
       {"", "mysql://", "http://a@b/c", "mysql://b/c", "mysql://a@b", "mysql://a@b:x/c",
        "mysql://a@b:70000/c", "mysql://@b/c", "mysql://a@b/"}) {
    const auto parsed = parse_mysql_url(url);
    ASSERT_FALSE(parsed) << url;
    EXPECT_EQ(parsed.error().text.find("secret"), std::string::npos);
  }
}

TEST(Message, ArrivesAsItWasSent) {
  Reply reply;
  reply.exit_code = 1;
  reply.text = "two\nlines\n";
  reply.error = "\"quoted\"";
  reply.result = {{"steps", 3}};

  const auto progress = parse_message(progress_line("n1 ready"));
  const auto last = parse_message(reply_line(reply));

  ASSERT_TRUE(progress && last);
  EXPECT_FALSE(progress->last);
  EXPECT_EQ(progress->progress, "n1 ready");
  ASSERT_TRUE(last->last);
  EXPECT_EQ(last->reply.exit_code, 1);
  EXPECT_EQ(last->reply.text, reply.text);
  EXPECT_EQ(last->reply.error, reply.error);
  EXPECT_EQ(last->reply.result, reply.result);
  EXPECT_FALSE(parse_message("no JSON"));
}

TEST(Logs, AreMergedByTimeAndKeepALogsOwnOrder) {
  ClusterRecord record;
  record.folder = test_folder() / "logs";
  fs::create_directories(record.node_folder("n1"));
  fs::create_directories(record.node_folder("n2"));
  std::ofstream(record.node_folder("n1") / "log.jsonl")
      << "{\"time\":\"2026-01-01T00:00:01Z\",\"a\":1}\nplain words\n"
      << "{\"time\":\"2026-01-01T00:00:03Z\",\"a\":3}\n";
  std::ofstream(record.node_folder("n2") / "log.jsonl")
      << "{\"time\":\"2026-01-01T00:00:02Z\",\"a\":2}\n";

  std::string order;
  for (const LogLine& line : merged_logs(record, {"n1", "n2"})) {
    order += line.node + " " + line.text.substr(line.text.size() - 4) + "\n";
  }

  EXPECT_EQ(order, "n1 \":1}\nn1 ords\nn2 \":2}\nn1 \":3}\n");
}

TEST(Accounts, HaveOneRowEachAndOneKey) {
  const auto sql = accounts_script("localhost", "load", 2500, "load");
  ASSERT_TRUE(sql) << sql.error().text;
  // X'…' of load0 and of load2499.
  EXPECT_NE(sql->find("(X'6c6f616430',X'6c6f63616c686f7374',"), std::string::npos);
  EXPECT_NE(sql->find("X'6c6f616432343939'"), std::string::npos);
  EXPECT_EQ(std::count(sql->begin(), sql->end(), ';'), 3);  // Statements of 1,000 rows at most.
  EXPECT_EQ(sql->find("X'6c6f616432353030'"), std::string::npos);
}

TEST(Accounts, WithAPasswordThatSaslForbidsAreAFault) {
  EXPECT_FALSE(accounts_script("localhost", "load", 1, std::string("a\x01", 2)));
}

TEST(Certificates, AreMadeOnceAndKeptWhileGood) {
  const fs::path folder = test_folder() / "certificates";
  fs::create_directories(folder);
  ASSERT_TRUE(ensure_certificates(folder, "localhost"));
  const std::string authority = contents(folder / "ca.crt");
  const std::string server = contents(folder / "tls" / "server.crt");
  EXPECT_NE(authority.find("BEGIN CERTIFICATE"), std::string::npos);

  ASSERT_TRUE(ensure_certificates(folder, "localhost"));

  EXPECT_EQ(contents(folder / "ca.crt"), authority);
  EXPECT_EQ(contents(folder / "tls" / "server.crt"), server);
  EXPECT_EQ(fs::status(folder / "ca.key").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
}

TEST(Secrets, NeverRepeat) {
  const std::string secret = random_secret();
  EXPECT_EQ(secret.size(), 64U);
  EXPECT_NE(secret, random_secret());
}

TEST(Programs, AreFoundInTheTreeThatBazelBuilds) {
  const fs::path bin = test_folder() / "bin";
  fs::create_directories(bin / "tools" / "cluster");
  fs::create_directories(bin / "server");
  std::ofstream(bin / "server" / "meerkatd") << "x";

  const Programs programs = find_programs(bin / "tools" / "cluster" / "cluster");

  EXPECT_EQ(programs.meerkatd, bin / "server" / "meerkatd");
  EXPECT_EQ(programs.meerkatctl, "meerkatctl");
}

}  // namespace
}  // namespace cluster
