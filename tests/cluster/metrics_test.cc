// What /metrics of whole nodes says, held to what the nodes have just done.

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/metrics/definitions.h"
#include "tests/support/eventually.h"
#include "tests/support/mariadb.h"
#include "tests/support/node_process.h"
#include "tests/support/xmpp_client.h"
#include "xmpp/namespaces.h"

namespace tests {
namespace {

using namespace std::chrono_literals;

constexpr auto limit = 20s;  // On a machine that builds.

/// One scrape of a node.
class Scrape {
 public:
  explicit Scrape(const NodeProcess& node) : text_(node.health("/metrics").body) {}

  /// Whether a metric has a sample, for a histogram with its buckets.
  bool has(std::string_view metric) const {
    const std::string name = "\n" + std::string(metric);
    return text_.find(name + " ") != std::string::npos ||
           text_.find(name + "{") != std::string::npos ||
           text_.find(name + "_bucket{") != std::string::npos;
  }

  /// The value of a sample, named as it stands there; -1 when it does not.
  double value(const std::string& sample) const {
    const std::string start = "\n" + sample + " ";
    const std::size_t at = text_.find(start);
    return at == std::string::npos ? -1 : std::stod(text_.substr(at + start.size()));
  }

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

double value(const NodeProcess& node, const std::string& sample) {
  return Scrape(node).value(sample);
}

class MetricsOfNodes : public testing::Test {
 protected:
  static void SetUpTestSuite() { database_ = std::make_unique<MariaDb>(); }
  static void TearDownTestSuite() { database_.reset(); }

  /// A cluster with an empty database of its own.
  static ClusterOfNodes cluster_of(std::size_t size, std::vector<std::string> flags = {}) {
    static int made = 0;
    return {*database_, "metrics" + std::to_string(++made), size, std::move(flags)};
  }

  static inline std::unique_ptr<MariaDb> database_;
};

#define EXPECT_EVENTUALLY(node, condition) \
  EXPECT_TRUE(eventually(limit, [&] { return condition; })) << Scrape(node).text()

XmppClient juliet_at(const NodeProcess& node, const std::string& resource = "balcony") {
  return XmppClient::login(node.c2s_port(), "juliet@localhost/" + resource, "juliet");
}

XmppClient romeo_at(const NodeProcess& node, const std::string& resource = "orchard") {
  return XmppClient::login(node.c2s_port(), "romeo@localhost/" + resource, "romeo");
}

std::string message(const std::string& type, const std::string& to, std::size_t bytes = 2) {
  return "<message type='" + type + "' to='" + to + "'><body>" + std::string(bytes, 'x') +
         "</body></message>";
}

TEST_F(MetricsOfNodes, AreThoseOfTheDocsAndMoveWithWhatHappens) {
  ClusterOfNodes cluster = cluster_of(2);
  const NodeProcess& node = cluster.node(0);
  XmppClient juliet = juliet_at(node);
  XmppClient romeo = romeo_at(cluster.node(1));
  {
    XmppClient near = romeo_at(node, "near");
    juliet.send(message("chat", near.jid()));
    ASSERT_TRUE(near.receive_message());
    near.send("</stream:stream>");
    EXPECT_EQ(near.receive_stream_error(), "closed");
  }
  ASSERT_TRUE(eventually(limit, [&] {  // Until his session is known here.
    juliet.send(message("chat", romeo.jid()));
    return romeo.receive_message(100ms).has_value();
  }));
  juliet.send(message("chat", "nobody@localhost"));
  juliet.send(message("headline", "nobody@localhost"));
  const double lost = value(node, "meerkat_join_conflicts_total{table=\"sessions\"}");
  XmppClient later = juliet_at(cluster.node(1));
  EXPECT_EQ(juliet.receive_stream_error(), "conflict");

  // Measured once a second. Each loop ticks, so it has some CPU time in every second.
  const std::string busy = "meerkat_loop_busy_ratio{loop=\"0\"}";
  EXPECT_EVENTUALLY(node, value(node, busy) > 0);
  // The offline store is asked first.
  EXPECT_EVENTUALLY(node, value(node, "meerkat_offline_messages_total{event=\"refused\"}") > 0);
  const Scrape scrape(node);
  for (const server::metric::Definition* metric : server::metric::all()) {
    EXPECT_TRUE(scrape.has(metric->name)) << metric->name << " is not in\n" << scrape.text();
  }
  EXPECT_EQ(scrape.value("meerkat_join_conflicts_total{table=\"sessions\"}"), lost + 1);
  EXPECT_EQ(scrape.value("meerkat_leases_live"), 2);
  EXPECT_EQ(scrape.value("meerkat_peers{state=\"ready\"}"), 1);
  for (const char* counted :
       {"meerkat_logins_total{reason=\"ok\",result=\"ok\"}",
        "meerkat_login_duration_seconds_count",
        "meerkat_streams_closed_total{reason=\"closed\"}",
        "meerkat_stanzas_received_total{kind=\"message\"}",
        "meerkat_stanzas_sent_total{kind=\"message\"}",
        "meerkat_stanzas_bounced_total{condition=\"service-unavailable\"}",
        "meerkat_stanzas_dropped_total{reason=\"no-recipient\"}",
        "meerkat_stream_received_bytes_total",
        "meerkat_stream_sent_bytes_total",
        "meerkat_route_duration_seconds_count{scope=\"local\"}",
        "meerkat_route_duration_seconds_sum{scope=\"local\"}",
        "meerkat_route_duration_seconds_count{scope=\"remote\"}",
        "meerkat_route_duration_seconds_sum{scope=\"remote\"}",
        "meerkat_route_duration_seconds_count{scope=\"offline\"}",
        "meerkat_table_records{table=\"sessions\"}",
        "meerkat_joins_total{result=\"ok\"}",
        "meerkat_join_duration_seconds_count",
        "meerkat_lease_renewals_total{result=\"ok\"}",
        "meerkat_lease_remaining_seconds",
        "meerkat_mysql_wait_duration_seconds_count",
        "meerkat_mysql_query_duration_seconds_count{statement=\"find\"}",
        "meerkat_mysql_query_duration_seconds_count{statement=\"registry_renew\"}"}) {
    EXPECT_GT(scrape.value(counted), 0) << counted << " in\n" << scrape.text();
  }
  EXPECT_LE(scrape.value(busy), 1);
}

TEST_F(MetricsOfNodes, CountAStanzaAsUnacknowledgedUntilTheClientSaysOrIsGone) {
  ClusterOfNodes cluster = cluster_of(1);
  const NodeProcess& node = cluster.node(0);
  XmppClient juliet = juliet_at(node);
  {
    XmppClient romeo = romeo_at(node);
    romeo.send("<enable xmlns='urn:xmpp:sm:3'/>");
    for (auto answer = romeo.receive(); answer; answer = romeo.receive()) {
      if (answer->root().is("enabled", xmpp::ns::sm3)) break;
    }
    for (int sent = 0; sent < 3; ++sent) juliet.send(message("chat", romeo.jid()));
    EXPECT_EVENTUALLY(node, value(node, "meerkat_unacknowledged_stanzas") == 3);
    romeo.send("<a xmlns='urn:xmpp:sm:3' h='1'/>");
    EXPECT_EVENTUALLY(node, value(node, "meerkat_unacknowledged_stanzas") == 2);
  }
  EXPECT_EVENTUALLY(node, value(node, "meerkat_unacknowledged_stanzas") == 0);
}

TEST_F(MetricsOfNodes, ShowWhatWaitsForAClientThatDoesNotReadUntilItReadsOrIsGone) {
  ClusterOfNodes cluster = cluster_of(1, {"--limits-send-queue-bytes-max=64MiB"});
  const NodeProcess& node = cluster.node(0);
  constexpr int messages = 200;
  XmppClient juliet = juliet_at(node);
  XmppClient romeo = romeo_at(node);
  const auto flood = [&](const std::string& to) {  // 20 MB: more than sockets hold.
    for (int sent = 0; sent < messages; ++sent) juliet.send(message("chat", to, 100'000));
  };
  flood(romeo.jid());
  EXPECT_EVENTUALLY(node, value(node, "meerkat_send_queue_bytes") > 100'000);
  for (int got = 0; got < messages; ++got) ASSERT_TRUE(romeo.receive_message()) << got;
  EXPECT_EVENTUALLY(node, value(node, "meerkat_send_queue_bytes") == 0);
  {
    XmppClient mute = romeo_at(node, "mute");
    flood(mute.jid());
    EXPECT_EVENTUALLY(node, value(node, "meerkat_send_queue_bytes") > 100'000);
  }
  EXPECT_EVENTUALLY(node, value(node, "meerkat_sessions{transport=\"tcp\"}") == 2);
  EXPECT_EVENTUALLY(node, value(node, "meerkat_send_queue_bytes") == 0);
}

TEST_F(MetricsOfNodes, TellForHowLongAPeerHasNotTakenAWrite) {
  ClusterOfNodes cluster = cluster_of(2);
  const NodeProcess& node = cluster.node(0);
  const std::string lag = "meerkat_peer_lag_seconds{peer=\"n2\"}";
  EXPECT_EVENTUALLY(node, value(node, lag) == 0);
  cluster.node(1).pause();
  const auto paused = std::chrono::steady_clock::now();
  XmppClient juliet = juliet_at(node);
  EXPECT_EVENTUALLY(node, value(node, lag) > 0.5);
  const double seen = value(node, lag);
  EXPECT_LE(seen, std::chrono::duration<double>(std::chrono::steady_clock::now() - paused).count());
  EXPECT_GT(value(node, "meerkat_peer_backlog_records{peer=\"n2\"}"), 0);
  cluster.node(1).resume();
  EXPECT_EVENTUALLY(node, value(node, lag) == 0);
}

TEST_F(MetricsOfNodes, CountWhatFailsWithoutTheDatabase) {
  ClusterOfNodes cluster =
      cluster_of(1, {"--mysql-timeout=1s", "--mysql-lease=2s", "--peers-silence-max=1s"});
  const NodeProcess& node = cluster.node(0);
  const std::string errors = "meerkat_mysql_errors_total{class=\"unavailable\"}";
  EXPECT_EQ(value(node, errors), 0);
  database_->stop();
  EXPECT_EVENTUALLY(node, value(node, "meerkat_lease_renewals_total{result=\"failed\"}") >= 1);
  EXPECT_EVENTUALLY(node, value(node, "meerkat_leases_live") == 0);  // Its own is over.
  const double of_the_registry = value(node, errors);
  EXPECT_GE(of_the_registry, 1);
  XmppClient late(node.c2s_port());
  late.start_tls("localhost");
  EXPECT_EQ(late.authenticate("juliet", "juliet"), "temporary-auth-failure");
  EXPECT_GT(value(node, errors), of_the_registry);
  database_->start();
  EXPECT_EVENTUALLY(node, value(node, "meerkat_lease_renewals_total{result=\"late\"}") == 1);
  EXPECT_EVENTUALLY(node, value(node, "meerkat_leases_live") == 1);
}

TEST_F(MetricsOfNodes, FollowADrain) {
  ClusterOfNodes cluster = cluster_of(2, {"--drain-notice=1s", "--drain-deadline=30s"});
  NodeProcess& node = cluster.node(1);
  XmppClient romeo = romeo_at(node);
  EXPECT_EQ(value(node, "meerkat_drain_phase{phase=\"notice\"}"), 0);
  EXPECT_EQ(value(node, "meerkat_drain_deadline_remaining_seconds"), 0);
  node.terminate();
  EXPECT_EVENTUALLY(node, value(node, "meerkat_drain_phase{phase=\"notice\"}") == 1);
  EXPECT_EQ(romeo.receive_stream_error(), "system-shutdown");
  // He has not said his goodbye yet, so the node waits for him.
  EXPECT_EVENTUALLY(node, value(node, "meerkat_drain_sessions_moved_total{result=\"ended\"}") == 1);
  const Scrape scrape(node);
  EXPECT_EQ(scrape.value("meerkat_drain_phase{phase=\"notice\"}"), 0) << scrape.text();
  EXPECT_EQ(scrape.value("meerkat_drain_phase{phase=\"handoff\"}"), 1);
  EXPECT_EQ(scrape.value("meerkat_drain_sessions_remaining"), 1);
  EXPECT_EQ(scrape.value("meerkat_drain_sessions_moved_total{result=\"failed\"}"), 0);
  EXPECT_GT(scrape.value("meerkat_drain_deadline_remaining_seconds"), 0);
  EXPECT_LE(scrape.value("meerkat_drain_deadline_remaining_seconds"), 30);
  romeo.send("</stream:stream>");
  EXPECT_EQ(node.wait_for_exit(limit), 0);
}

// They would be SQLite's.
TEST(MetricsOfANodeAlone, HaveNothingOfMysql) {
  NodeProcess node({});
  node.start();
  node.wait_until_ready();
  const Scrape scrape(node);
  EXPECT_TRUE(scrape.has("meerkat_sessions"));
  EXPECT_EQ(scrape.text().find("meerkat_mysql"), std::string::npos) << scrape.text();
}

}  // namespace
}  // namespace tests
