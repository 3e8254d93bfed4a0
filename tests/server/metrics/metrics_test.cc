#include "server/metrics/metrics.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "server/metrics/reference.h"

namespace server {
namespace {

using namespace std::chrono_literals;

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

#define EXPECT_LINE(text, line) EXPECT_TRUE(has_line(text, line)) << line << "\nis not in\n" << text

TEST(Metrics, AddsTheLoopsUp) {
  Metrics metrics({"0.5.0", "abc"});
  LoopCounters first, second;
  metrics.add_loop(first);
  metrics.add_loop(second);
  first.stanzas_received.add(StanzaKind::message, 3);
  second.stanzas_received.add(StanzaKind::message, 4);
  second.stanzas_received.add("iq");
  first.stream_sent_bytes.add(100);
  first.route_duration[static_cast<std::size_t>(RouteScope::remote)].observe(0.3ms);
  second.route_duration[static_cast<std::size_t>(RouteScope::remote)].observe(10s);
  first.logins.add("not-authorized", 2);
  second.logins.add("ok");
  second.streams_closed.add("conflict");
  const std::string text = metrics.text();
  EXPECT_LINE(text, "meerkat_build_info{commit=\"abc\",version=\"0.5.0\"} 1");
  EXPECT_LINE(text, "meerkat_stanzas_received_total{kind=\"message\"} 7");
  EXPECT_LINE(text, "meerkat_stanzas_received_total{kind=\"presence\"} 0");
  EXPECT_LINE(text, "meerkat_stanzas_received_total{kind=\"iq\"} 1");
  EXPECT_LINE(text, "meerkat_stream_sent_bytes_total 100");
  EXPECT_LINE(text, "meerkat_logins_total{reason=\"ok\",result=\"ok\"} 1");
  EXPECT_LINE(text, "meerkat_logins_total{reason=\"not-authorized\",result=\"failed\"} 2");
  EXPECT_LINE(text, "meerkat_streams_closed_total{reason=\"conflict\"} 1");
  EXPECT_LINE(text, "meerkat_route_duration_seconds_count{scope=\"remote\"} 2");
  EXPECT_LINE(text, "meerkat_route_duration_seconds_bucket{scope=\"remote\",le=\"0.00025\"} 0");
  EXPECT_LINE(text, "meerkat_route_duration_seconds_bucket{scope=\"remote\",le=\"0.0005\"} 1");
  EXPECT_LINE(text, "meerkat_route_duration_seconds_bucket{scope=\"remote\",le=\"5\"} 1");
  EXPECT_LINE(text, "meerkat_route_duration_seconds_bucket{scope=\"remote\",le=\"+Inf\"} 2");
  EXPECT_LINE(text, "# TYPE meerkat_route_duration_seconds histogram");
}

TEST(Metrics, AddsTheLevelsOfTheLoopsUp) {
  Metrics metrics({"0.5.0", "abc"});
  LoopCounters first, second;
  metrics.add_loop(first);
  metrics.add_loop(second);
  first.send_queue_bytes.raise(700);
  second.send_queue_bytes.raise(50);
  first.send_queue_bytes.lower(600);
  second.unacknowledged_stanzas.raise(3);
  second.unacknowledged_stanzas.lower(3);
  const std::string text = metrics.text();
  EXPECT_LINE(text, "meerkat_send_queue_bytes 150");
  EXPECT_LINE(text, "meerkat_unacknowledged_stanzas 0");
  EXPECT_LINE(text, "# TYPE meerkat_send_queue_bytes gauge");
}

TEST(RouteDuration, IsMeasuredOnlyForWhatWasReadFromAClient) {
  LoopCounters loop;
  const auto& local = loop.route_duration[static_cast<std::size_t>(RouteScope::local)];
  loop.observe_route(RouteScope::local, {});
  EXPECT_EQ(local.sum(), 0);
  loop.observe_route(RouteScope::local, std::chrono::steady_clock::now() - 2s);
  EXPECT_GE(local.sum(), 2);
  EXPECT_LT(local.sum(), 60);
}

// No input makes up label values: what is not in the list counts as the last of it.
TEST(Metrics, CountsUnknownLabelsAsOther) {
  Metrics metrics({"0.5.0", "abc"});
  LoopCounters loop;
  metrics.add_loop(loop);
  loop.stanzas_bounced.add("romeo@example.org", 2);
  EXPECT_LINE(metrics.text(), "meerkat_stanzas_bounced_total{condition=\"other\"} 2");
}

TEST(Metrics, AsksForWhatOthersKnow) {
  Metrics metrics({"0.5.0", "abc"});
  double live = 2;
  metrics.observe(metric::leases_live, [&] { return live; });
  metrics.observe(metric::peers, [] { return Samples{{{"joined"}, 2}, {{"unreachable"}, 1}}; });
  EXPECT_LINE(metrics.text(), "meerkat_leases_live 2");
  live = 3;
  const std::string text = metrics.text();
  EXPECT_LINE(text, "meerkat_leases_live 3");
  EXPECT_LINE(text, "meerkat_peers{state=\"unreachable\"} 1");
}

TEST(Metrics, CountsAndTimesRareEvents) {
  Metrics metrics({"0.5.0", "abc"});
  metrics.count(metric::joins, {"ok"});
  metrics.count(metric::joins, {"ok"}, 2);
  metrics.time(metric::mysql_query, {"find_user"}, 7ms);
  const std::string text = metrics.text();
  EXPECT_LINE(text, "meerkat_joins_total{result=\"ok\"} 3");
  EXPECT_LINE(text, "meerkat_mysql_query_duration_seconds_count{statement=\"find_user\"} 1");
  EXPECT_LINE(text,
              "meerkat_mysql_query_duration_seconds_bucket{statement=\"find_user\",le=\"0.01\"} 1");
}

TEST(Metrics, ShowsTheProcess) {
  const std::string text = Metrics({"0.5.0", "abc"}).text();
  for (const char* name :
       {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds",
        "process_max_fds", "process_threads", "process_start_time_seconds"}) {
    const std::size_t at = text.find("\n" + std::string(name) + " ");
    ASSERT_NE(at, std::string::npos) << name;
    EXPECT_GT(std::stod(text.substr(at + 2 + std::string(name).size())), 0) << name;
  }
}

TEST(Metrics, MayBeReadWhileLoopsCount) {
  Metrics metrics({"0.5.0", "abc"});
  LoopCounters loop;
  metrics.add_loop(loop);
  std::thread counting([&] {
    for (int stanza = 0; stanza < 200'000; ++stanza) loop.stanzas_sent.add(StanzaKind::iq);
  });
  for (int scrape = 0; scrape < 10; ++scrape) metrics.text();
  counting.join();
  EXPECT_LINE(metrics.text(), "meerkat_stanzas_sent_total{kind=\"iq\"} 200000");
}

// Names are an interface; hardening H12.
TEST(MetricNames, FollowTheRules) {
  std::set<std::string_view> seen;
  for (const metric::Definition* definition : metric::all()) {
    const std::string_view name = definition->name;
    EXPECT_TRUE(seen.insert(name).second) << name;
    EXPECT_TRUE(name.starts_with("meerkat_") || name.starts_with("process_")) << name;
    EXPECT_EQ(name.ends_with("_total"), definition->type == metric::Type::counter) << name;
    EXPECT_FALSE(definition->help.empty()) << name;
    for (const std::string_view label : definition->labels) {
      EXPECT_TRUE(label != "jid" && label != "user" && label != "address") << name;
    }
  }
}

TEST(MetricNames, AreThoseInTheDocs) {
  std::ifstream file("docs/metrics.md");
  std::stringstream page;
  page << file.rdbuf();
  EXPECT_EQ(page.str(), metrics_reference())
      << "bazel run //server/metrics:print_reference > docs/metrics.md";
}

}  // namespace
}  // namespace server
