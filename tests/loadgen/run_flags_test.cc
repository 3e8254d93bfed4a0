#include "loadgen/run_flags.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fstream>

namespace loadgen {
namespace {

/// What `meerkat-load run WORDS…` means.
std::variant<RunOptions, RefusedFlags> meaning(std::vector<std::string> words) {
  RunFlags flags;
  CLI::App app;
  add_run_flags(app, flags);
  std::reverse(words.begin(), words.end());  // As CLI11 wants them.
  app.parse(words);
  return understand(flags);
}

RunOptions run(std::vector<std::string> words) {
  auto meant = meaning(std::move(words));
  if (const auto* refused = std::get_if<RefusedFlags>(&meant)) {
    ADD_FAILURE() << refused->text;
    return {};
  }
  return std::get<RunOptions>(std::move(meant));
}

RefusedFlags refusal(std::vector<std::string> words) {
  const auto meant = meaning(std::move(words));
  const auto* refused = std::get_if<RefusedFlags>(&meant);
  EXPECT_NE(refused, nullptr);
  return refused != nullptr ? *refused : RefusedFlags{};
}

std::string file(const std::string& name, const std::string& text) {
  const char* folder = std::getenv("TEST_TMPDIR");
  std::string path = (folder != nullptr ? std::string(folder) : ::testing::TempDir()) + "/" + name;
  std::ofstream(path) << text;
  return path;
}

const std::vector<std::string> plain = {"chat", "--target=127.0.0.1:5222",
                                        "--user-password=secret"};

std::vector<std::string> with(std::vector<std::string> more) {
  std::vector<std::string> words = plain;
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST(RunFlags, TakeThePlaceOfTheScenariosOwnValues) {
  const RunOptions options = run(with({"--sessions=20", "--rate=30/m", "--duration=2s",
                                       "--threshold=delivery.p99 < 200ms", "--seed=11"}));
  EXPECT_EQ(options.scenario.sessions, 20U);
  EXPECT_DOUBLE_EQ(options.scenario.rate, 0.5);
  EXPECT_EQ(options.scenario.duration, Micros(2'000'000));
  EXPECT_EQ(options.scenario.thresholds.back().text, "delivery.p99 < 200ms");
  EXPECT_EQ(options.shard.seed, 11U);
  EXPECT_EQ(options.targets, std::vector<std::string>{"127.0.0.1:5222"});
}

TEST(RunFlags, MakeAnAccountForEachSessionOfThePeak) {
  const RunOptions options = run(with({"--sessions=20", "--users-prefix=bot"}));
  ASSERT_EQ(options.shard.accounts.size(), options.scenario.sessions_max());
  EXPECT_EQ(options.shard.accounts[3].user, "bot3");
  EXPECT_EQ(options.shard.accounts[3].password, "secret");
}

TEST(RunFlags, ReadAccountsAndPasswordsFromFiles) {
  const auto accounts = file("accounts.csv", "juliet,r0m30\nromeo,,comma\n\n,nobody\n");
  const RunOptions listed =
      run({"chat", "--target=127.0.0.1:5222", "--sessions=2", "--accounts", accounts});
  ASSERT_EQ(listed.shard.accounts.size(), 2U);
  EXPECT_EQ(listed.shard.accounts[1].user, "romeo");
  EXPECT_EQ(listed.shard.accounts[1].password, ",comma");

  const auto password = file("password", "from a file\nsecond line\n");
  const RunOptions shared =
      run({"chat", "--target=127.0.0.1:5222", "--sessions=2", "--user-password-file", password});
  EXPECT_EQ(shared.shard.accounts[0].password, "from a file");
}

TEST(RunFlags, TellAllThatIsWrongAtOnce) {
  const RefusedFlags refused =
      refusal(with({"--sessions=many", "--tls=perhaps", "--body=9KiB", "--backoff=5",
                    "--threshold=delivery.p99@nowhere < 1s", "--source-addresses=nothing"}));
  EXPECT_EQ(refused.code, ExitCode::command_line);
  for (const char* flag :
       {"--sessions: ", "--tls: `perhaps` is none of starttls, direct, off",
        "--body: ", "--backoff: ", "has no phase `nowhere`", "--source-addresses: "}) {
    EXPECT_NE(refused.text.find(flag), std::string::npos) << flag << " in\n" << refused.text;
  }
}

TEST(RunFlags, RefuseMoreSessionsThanAccounts) {
  const auto accounts = file("two.csv", "juliet,r0m30\nromeo,jul13t\n");
  const RefusedFlags refused =
      refusal({"chat", "--target=127.0.0.1:5222", "--sessions=4", "--accounts", accounts});
  EXPECT_NE(refused.text.find("4 sessions are wanted at the peak, and there are 2 accounts"),
            std::string::npos)
      << refused.text;
}

TEST(RunFlags, RefuseToActOnNodesOfServersThatAreOnlyAddresses) {
  for (const BuiltIn& one : built_in_scenarios()) {
    const auto scenario = parse_scenario(one.toml, one.name);
    ASSERT_TRUE(scenario.has_value());
    if (!scenario->acts_on_nodes()) continue;
    auto words = plain;
    words[0] = one.name;
    EXPECT_NE(refusal(words).text.find("it needs --cluster"), std::string::npos) << one.name;
  }
}

TEST(RunFlags, TellAFaultyScenarioFileFromAMissingOne) {
  auto words = plain;
  words[0] = file("broken.toml", "sessions = \"many\"\n");
  EXPECT_EQ(refusal(words).code, ExitCode::scenario_file);
  words[0] = "no-such-scenario";
  EXPECT_EQ(refusal(words).code, ExitCode::command_line);
}

TEST(RunFlags, AskForTheClusterWhereNoTargetIsNamed) {
  const RefusedFlags refused =
      refusal({"chat", "--user-password=secret", "--cluster-file=/nowhere/cluster.json"});
  EXPECT_NE(refused.text.find("/nowhere/cluster.json"), std::string::npos) << refused.text;
}

}  // namespace
}  // namespace loadgen
