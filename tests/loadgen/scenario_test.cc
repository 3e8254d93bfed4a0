#include "loadgen/scenario.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

namespace loadgen {
namespace {

TEST(Scenario, EveryBuiltInIsGood) {
  for (const BuiltIn& one : built_in_scenarios()) {
    const auto scenario = load_scenario(std::string(one.name));
    ASSERT_TRUE(scenario.has_value()) << scenario.error().text;
    EXPECT_EQ(scenario->name, one.name);
    EXPECT_FALSE(scenario->about.empty());
  }
}

TEST(Scenario, AutoscaleAddsAndRemovesANodeAndUpgradeRollsThemAll) {
  const auto autoscale = load_scenario("autoscale").value();
  EXPECT_TRUE(autoscale.acts_on_nodes());
  const Phase* up = autoscale.find("step-up");
  ASSERT_NE(up, nullptr);
  ASSERT_EQ(up->actions.size(), 3U);
  EXPECT_EQ(up->actions[0].kind, Action::Kind::set_rate);
  EXPECT_DOUBLE_EQ(up->actions[0].amount.of(1'500), 3'000);
  EXPECT_EQ(up->actions[1].kind, Action::Kind::add);
  EXPECT_DOUBLE_EQ(up->churn.of(1'000), 10);
  const auto upgrade = load_scenario("upgrade").value();
  EXPECT_EQ(upgrade.find("roll")->actions[0].to, "next");
  EXPECT_FALSE(load_scenario("chat")->acts_on_nodes());
}

TEST(Scenario, PartitionCutsAPathAndFailoverStartsTheNodeThatItKilled) {
  const auto partition = load_scenario("partition").value();
  const auto& actions = partition.find("fault")->actions;
  EXPECT_EQ(actions.at(0).kind, Action::Kind::cut);
  EXPECT_EQ(actions.at(0).node, "n1");
  EXPECT_EQ(actions.at(0).other, "n2");
  EXPECT_EQ(actions.at(2).kind, Action::Kind::heal);
  EXPECT_EQ(actions.at(2).other, "");
  const auto failover = load_scenario("failover").value();
  EXPECT_EQ(failover.find("fault")->actions.at(2).kind, Action::Kind::start);
  EXPECT_EQ(failover.find("fault")->actions.at(2).node, "same");
}

TEST(Scenario, OutageEndsAndPausesTheDatabaseAndLooksIntoTheArchives) {
  const auto outage = load_scenario("outage").value();
  EXPECT_TRUE(outage.acts_on_nodes());
  EXPECT_TRUE(outage.audits_archives);
  EXPECT_EQ(outage.find("away")->actions.at(0).kind, Action::Kind::mysql);
  EXPECT_EQ(outage.find("away")->actions.at(0).node, "stop");
  EXPECT_EQ(outage.find("frozen")->actions.at(2).node, "resume");
  EXPECT_TRUE(load_scenario("failover")->audits_archives);
  EXPECT_FALSE(load_scenario("chat")->audits_archives);
}

TEST(Scenario, KnowsWhatCanBeDoneToADatabase) {
  const auto scenario =
      parse_scenario("[[phase]]\nname = \"a\"\nactions = [{ mysql = \"explode\" }]\n", "my.toml");
  ASSERT_TRUE(scenario.has_error());
  const auto& text = scenario.error().text;
  EXPECT_NE(text.find("mysql wants stop, start, pause or resume"), std::string::npos) << text;
}

TEST(Scenario, WantsTwoNodesOfAPath) {
  const auto scenario = parse_scenario(
      "[[phase]]\nname = \"a\"\nactions = [{ cut = \"n1\" }, { heal = [\"n1\"] }]\n", "my.toml");
  ASSERT_TRUE(scenario.has_error());
  const auto& text = scenario.error().text;
  EXPECT_NE(text.find("cut wants two nodes"), std::string::npos) << text;
  EXPECT_NE(text.find("heal = [\"n1\", \"n2\"]"), std::string::npos) << text;
}

TEST(Scenario, TellsAllFaultsAtOnceWithPlaceLineAndFix) {
  const auto scenario = parse_scenario(
      "[load]\n"
      "sesions = \"10k\"\n"
      "rate = \"fast\"\n"
      "[[phase]]\n"
      "name = \"a\"\n"
      "actions = [{ drian = \"n2\" }, { add = 0 }]\n",
      "my.toml");
  ASSERT_TRUE(scenario.has_error());
  const auto& text = scenario.error().text;
  EXPECT_NE(text.find("my.toml:2:1: error: [load]: unknown key `sesions`"), std::string::npos)
      << text;
  EXPECT_NE(text.find("did you mean `sessions`?"), std::string::npos) << text;
  EXPECT_NE(text.find("my.toml:3:8: error: rate: `fast` is not a rate"), std::string::npos) << text;
  EXPECT_NE(text.find("  3 | rate = \"fast\""), std::string::npos) << text;
  EXPECT_NE(text.find("unknown key `drian`"), std::string::npos) << text;
  EXPECT_NE(text.find("add wants how many nodes"), std::string::npos) << text;
  EXPECT_NE(text.find("4 errors, nothing started"), std::string::npos) << text;
}

TEST(Scenario, SaysWhereTomlItselfIsBroken) {
  const auto scenario = parse_scenario("[load\n", "my.toml");
  ASSERT_TRUE(scenario.has_error());
  EXPECT_NE(scenario.error().text.find("my.toml:1:"), std::string::npos) << scenario.error().text;
}

TEST(Scenario, RefusesAThresholdOfAPhaseThatThereIsNot) {
  const auto scenario = parse_scenario(
      "[load]\nthresholds = { \"delivery.p99@rol\" = \"< 1s\" }\n[[phase]]\nname = \"roll\"\n",
      "my.toml");
  ASSERT_TRUE(scenario.has_error());
  EXPECT_NE(scenario.error().text.find("there is no such phase"), std::string::npos);
}

TEST(Scenario, NamesWhatToTypeForAnUnknownOne) {
  const auto scenario = load_scenario("chta");
  ASSERT_TRUE(scenario.has_error());
  EXPECT_NE(scenario.error().text.find("meerkat-load list"), std::string::npos);
}

TEST(Threshold, JudgesByItsRelation) {
  const auto threshold = parse_threshold("delivery.p99@roll < 200ms").value();
  EXPECT_EQ(threshold.metric, "delivery.p99");
  EXPECT_EQ(threshold.phase, "roll");
  EXPECT_DOUBLE_EQ(threshold.limit, 0.2);
  EXPECT_TRUE(judge(threshold, 0.19).passed);
  EXPECT_FALSE(judge(threshold, 0.2).passed);
  EXPECT_TRUE(judge(parse_threshold("reconnects_per_client <= 2").value(), 2.0).passed);
  EXPECT_TRUE(judge(parse_threshold("messages_per_core_s >= 5k/s").value(), 6'000.0).passed);
}

TEST(Threshold, IsMissedByWhatWasNotMeasured) {
  EXPECT_FALSE(judge(parse_threshold("joined_s < 1h").value(), std::nullopt).passed);
}

TEST(Threshold, RefusesWhatIsNone) {
  for (const char* text :
       {"", "delivery.p99", "< 5s", "delivery.p99 < fast", "delivery.p99 = 5s"}) {
    EXPECT_TRUE(parse_threshold(text).has_error()) << text;
  }
}

}  // namespace
}  // namespace loadgen
