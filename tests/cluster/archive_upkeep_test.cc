// What leaves the archives again: what its sender took back (XEP-0424), and what is too old.

#include <gtest/gtest.h>

#include <string>

#include "tests/cluster/archive_talk.h"
#include "tests/support/eventually.h"

namespace tests {
namespace {

// XEP-0424 §4, hardening S10: once it is acknowledged, neither archive says any more what it said.
TEST_F(Archive, ForgetsWhatItsSenderTookBack) {
  start(2);
  XmppClient juliet = client_at(node(1), "juliet", "balcony");
  XmppClient romeo = client_at(node(0), "romeo", "orchard", false);
  enable_acks(romeo);
  const auto retract = [](XmppClient& client, const std::string& to, const std::string& id) {
    client.send("<message type='chat' to='" + to + "' id='r-" + id +
                "'><retract xmlns='urn:xmpp:message-retract:1' id='" + id + "'/></message>");
  };
  const auto secrets = [&] { return rows("stanza LIKE '%a secret%'"); };
  romeo.send("<message type='chat' to='juliet@localhost' id='m1'><body>a secret</body></message>");
  ASSERT_EQ(body_of(*juliet.receive_message()), "a secret");
  retract(juliet, "romeo@localhost", "m1");
  romeo.send(request);
  while (next_ack(romeo) != "1") continue;
  EXPECT_EQ(secrets(), "2");  // It was not hers to take back.

  retract(romeo, "juliet@localhost", "m1");
  romeo.send(request);
  while (next_ack(romeo) != "2") continue;
  EXPECT_EQ(secrets(), "0");
  const auto retraction = juliet.receive_message();
  ASSERT_TRUE(retraction);
  EXPECT_TRUE(retraction->root().child("retract", xmpp::ns::retraction));
  EXPECT_EQ(archive_of(juliet).size(), 3U);
  EXPECT_EQ(metric(node(0), "meerkat_archive_tombstones_total"), "2");
}

// One node does it for all, and when that is gone, the next one.
TEST_F(Archive, DeletesWhatIsOlderThanItIsToBeKept) {
  start(2, {"--archive-expire-after=2s"});
  const std::string expired = "meerkat_archive_expired_messages_total";
  XmppClient romeo = client_at(node(1), "romeo", "orchard");
  for (int n = 1; n <= 3; ++n) say(romeo, "juliet@localhost", std::to_string(n));
  ASSERT_TRUE(eventually(XmppClient::patience, [&] { return rows() == "6"; }));
  EXPECT_TRUE(eventually(XmppClient::patience, [&] { return rows() == "0"; }));
  EXPECT_TRUE(eventually(XmppClient::patience, [&] { return metric(node(0), expired) == "6"; }));
  EXPECT_EQ(metric(node(1), expired), "0");
  EXPECT_EQ(archive_of(romeo), Bodies{});

  node(0).kill();
  say(romeo, "juliet@localhost", "4");
  EXPECT_TRUE(eventually(XmppClient::patience, [&] { return metric(node(1), expired) == "2"; }));
  EXPECT_EQ(rows(), "0");
}

}  // namespace
}  // namespace tests
