#include "loadgen/report.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "loadgen/chart.h"
#include "tests/loadgen/json_schema.h"

namespace loadgen {
namespace {

namespace json = boost::json;

json::value schema() {
  std::ifstream file("loadgen/report.schema.json");
  std::stringstream text;
  text << file.rdbuf();
  return json::parse(text.str());
}

/// What a short run on two nodes with one action leaves behind.
Recording recording(bool with_end = true) {
  Recording recording;
  recording.add({{"kind", "run"},
                 {"scenario", "chat"},
                 {"about", "pairs <that> write"},
                 {"scenario_hash", "00ff"},
                 {"seed", 7},
                 {"command", "meerkat-load run chat"},
                 {"commit", ""},
                 {"machine", {{"cpu", "a & b"}, {"cores", 2}}},
                 {"sessions", 100},
                 {"rate", 50.0},
                 {"model", "open"},
                 {"tls", "starttls"}});
  for (int second = 1; second <= 5; ++second) {
    recording.add(
        {{"kind", "sample"},
         {"t", second * 1.0},
         {"phase", "steady"},
         {"offered", 50.0},
         {"sent", 50.0},
         {"received", 49.0},
         {"waiting", 0},
         {"open", 1},
         {"online", 100},
         {"logins", 0.0},
         {"failed", 0.0},
         {"lost_streams", 0.0},
         {"p50", 0.001},
         {"p99", 0.004},
         {"max", 0.008},
         {"lag_p99", 0.0001},
         {"generator_cpu", 0.1},
         {"nodes",
          json::array{
              {{"name", "n1"}, {"clients", 50}, {"logins", 0.0}, {"cpu", 0.2}, {"rss", 1 << 25}},
              {{"name", "n2"},
               {"clients", 50},
               {"logins", 0.0},
               {"cpu", 0.3},
               {"rss", 1 << 25}}}}});
  }
  Histogram delivery;
  for (int i = 1; i <= 1'000; ++i) delivery.record(Micros(i * 10));
  recording.add({{"kind", "phase"},
                 {"name", "steady"},
                 {"began_s", 0.0},
                 {"ended_s", 5.0},
                 {"offered", 250},
                 {"received", 249},
                 {"logins", 0},
                 {"resumed", 0},
                 {"failed_logins", 0},
                 {"streams_lost", 0},
                 {"sessions", 100},
                 {"server_cpu_s", 1.0},
                 {"figures", {{"reconnects_per_client", 0.5}}},
                 {"histograms", {{"delivery", to_json(delivery)}}}});
  recording.add({{"kind", "action"},
                 {"action", "add"},
                 {"node", "n2"},
                 {"phase", "steady"},
                 {"began_s", 2.0},
                 {"ended_s", 3.0},
                 {"sessions_moved", 0},
                 {"outcome", "done"}});
  recording.add({{"kind", "event"}, {"t", 2.0}, {"text", "add <began>"}});
  if (!with_end) return recording;
  json::object audit;
  for (const char* name :
       {"sent", "resent", "acknowledged", "foreign", "delivered", "lost", "duplicated", "reordered",
        "altered", "misdelivered", "invented", "unarchived", "archived_twice", "archived_late",
        "redelivered", "overtaken", "unknown", "bounced"}) {
    audit[name] = 0;
  }
  audit["sent"] = 250;
  audit["delivered"] = 249;
  audit["lost"] = 1;
  audit["offenders"] = json::array{{{"fate", "lost"},
                                    {"id", "r.0.1"},
                                    {"from", "a@b"},
                                    {"to", "c@d"},
                                    {"node", ""},
                                    {"at_s", 5.0}}};
  recording.add(
      {{"kind", "end"},
       {"verdict", "wrong"},
       {"exit_code", 2},
       {"reasons", json::array()},
       {"thresholds",
        json::array{{{"text", "delivery.p99 < 1s"}, {"value_s", 0.0099}, {"passed", true}}}},
       {"audit", std::move(audit)},
       {"figures", {{"logins_per_s", 40.0}}},
       {"stream_endings", json::object()},
       {"generator", {{"lag_p99_s", 0.0}, {"lag_max_s", 0.0}, {"cpu_ratio_max", 0.1}}}});
  return recording;
}

TEST(Report, FollowsItsSchema) {
  const auto faults = schema_faults(build_report(recording()), schema());
  EXPECT_TRUE(faults.empty()) << faults.front();
}

TEST(Report, TheSchemaRefusesAReportThatLacksSomething) {
  json::value report = build_report(recording());
  report.get_object()["audit"].get_object().erase("lost");
  report.get_object()["verdict"] = "fine";
  EXPECT_EQ(schema_faults(report, schema()).size(), 2U);
}

TEST(Report, MeasuresFromTheRecordedHistograms) {
  const auto report = build_report(recording());
  const auto& delivery = report.at("phases").at(0).at("latency").at("delivery");
  EXPECT_EQ(delivery.at("count").to_number<int>(), 1'000);
  EXPECT_NEAR(delivery.at("p50_s").to_number<double>(), 0.005, 0.00005);
  EXPECT_NEAR(delivery.at("max_s").to_number<double>(), 0.01, 1e-9);
  EXPECT_EQ(report.at("series").at("rows").get_array().size(), 5U);
  EXPECT_EQ(report.at("nodes").get_array().size(), 2U);
  EXPECT_EQ(report.at("actions").at(0).at("kind").get_string(), "add");
  EXPECT_DOUBLE_EQ(report.at("phases").at(0).at("reconnects_per_client").to_number<double>(), 0.5);
}

TEST(Report, OfARunThatWasKilledIsInconclusive) {
  const auto report = build_report(recording(false));
  EXPECT_EQ(report.at("verdict").get_string(), "inconclusive");
  EXPECT_EQ(report.at("exit_code").to_number<int>(), 3);
}

TEST(ReportHtml, IsOneFileWithoutNetworkAndEscapesWhatItShows) {
  const auto html = render_html(build_report(recording()));
  for (const char* network : {"http://", "https://", "<script", "@import", "url("}) {
    EXPECT_EQ(html.find(network), std::string::npos) << network;
  }
  EXPECT_NE(html.find("<svg"), std::string::npos);
  EXPECT_NE(html.find("pairs &lt;that&gt; write"), std::string::npos);
  EXPECT_NE(html.find("add &lt;began&gt;"), std::string::npos);
  EXPECT_NE(html.find("a &amp; b"), std::string::npos);
  EXPECT_NE(html.find("r.0.1"), std::string::npos);   // The offender.
  EXPECT_NE(html.find("add n2"), std::string::npos);  // The band's label.
}

TEST(ReportText, NamesTheVerdictAndEachThreshold) {
  const auto text = render_text(build_report(recording()));
  EXPECT_NE(text.find("verdict   wrong"), std::string::npos) << text;
  EXPECT_NE(text.find("lost 1"), std::string::npos) << text;
  EXPECT_NE(text.find("met       delivery.p99 < 1s"), std::string::npos) << text;
}

TEST(Report, IsRenderedAgainFromTheRecordingAlone) {
  const std::string folder = testing::TempDir() + "/rendered";
  std::filesystem::create_directories(folder);
  {
    const Recording played = recording();
    Recording written;
    ASSERT_TRUE(written.open(folder + "/recording.jsonl").has_value());
    for (const auto& line : played.lines()) written.add(line);
  }
  std::ofstream(folder + "/recording.jsonl", std::ios::app) << "{\"kind\":\"sam";  // Cut short.
  const auto report = write_reports(folder);
  ASSERT_TRUE(report.has_value()) << report.error().text;
  EXPECT_EQ(json::serialize(*report), json::serialize(build_report(recording())));
  EXPECT_TRUE(std::filesystem::exists(folder + "/report.html"));
  EXPECT_TRUE(std::filesystem::exists(folder + "/delivery.hgrm"));
}

TEST(Report, SaysWhatToNameWhenThereIsNoRecording) {
  const auto report = write_reports("/no/such/folder");
  ASSERT_TRUE(report.has_error());
  EXPECT_NE(report.error().text.find("recording.jsonl"), std::string::npos);
}

TEST(Chart, LeavesOutWhatHasNoValues) {
  TimeAxis axis;
  axis.end = 10;
  EXPECT_EQ(chart("empty", "", axis, false, {{"a", 0, {}}}), "");
  EXPECT_EQ(chart("zero", "", axis, false, {{"a", 0, {{1, 0}}}}), "");
  EXPECT_NE(chart("some", "", axis, true, {{"a", 0, {{1, 0}, {2, 5}}}}).find("<path"),
            std::string::npos);
}

}  // namespace
}  // namespace loadgen
