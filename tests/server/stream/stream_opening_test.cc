#include "server/stream/stream_opening.h"

#include <gtest/gtest.h>

#include <set>

namespace server {
namespace {

bool serves(std::string_view domain) { return domain == "localhost" || domain == "example.org"; }

xmpp::StreamHeader header(std::string to) {
  xmpp::StreamHeader header;
  header.to = std::move(to);
  header.version = "1.0";
  header.default_ns = "jabber:client";
  return header;
}

/// The domain that the header opens, or the name of the error.
std::string opened(const xmpp::StreamHeader& header, std::string_view former = {}) {
  const auto domain = opened_domain(header, former, serves);
  return domain ? *domain : std::string(xmpp::name(domain.error()));
}

// Hardening P20.
TEST(StreamOpening, SaysWhatIsWrongWithAHeader) {
  EXPECT_EQ(opened(header("localhost")), "localhost");
  EXPECT_EQ(opened(header("")), "improper-addressing");
  EXPECT_EQ(opened(header("elsewhere.org")), "host-unknown");
  EXPECT_EQ(opened(header("juliet@localhost")), "host-unknown");
  EXPECT_EQ(opened(header("localhost/balcony")), "host-unknown");
  EXPECT_EQ(opened(header("local host")), "host-unknown");

  for (const char* version : {"1.0", "1.1", "1.99"}) {
    auto newer = header("localhost");
    newer.version = version;
    EXPECT_EQ(opened(newer), "localhost") << version;  // RFC 6120 §4.7.5: the major number counts.
  }
  for (const char* version : {"", "0.9", "2.0", "10.0", "1"}) {
    auto other = header("localhost");
    other.version = version;
    EXPECT_EQ(opened(other), "unsupported-version") << version;
  }
  auto server = header("localhost");
  server.default_ns = "jabber:server";
  EXPECT_EQ(opened(server), "invalid-namespace");
}

// Hardening P9.
TEST(StreamOpening, KeepsAStreamAtItsFirstHostInWhateverSpelling) {
  EXPECT_EQ(opened(header("example.org"), "example.org"), "example.org");
  EXPECT_EQ(opened(header("Example.ORG"), "example.org"), "example.org");
  EXPECT_EQ(opened(header("localhost"), "example.org"), "not-authorized");
}

// Hardening P20: an error is sent inside a header even when the client's named no host of ours.
TEST(StreamOpening, WritesAHeaderWithoutAHostToo) {
  EXPECT_NE(header_xml("localhost").find(" from='localhost'>"), std::string::npos);
  EXPECT_EQ(header_xml("").find(" from="), std::string::npos);
}

TEST(StreamOpening, NeverMakesANameTwice) {
  std::set<std::string> names;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = random_name();
    EXPECT_EQ(name.size(), 32U);
    EXPECT_EQ(name.find_first_not_of("0123456789abcdef"), std::string::npos) << name;
    EXPECT_TRUE(names.insert(name).second) << name;
  }
}

TEST(StreamOpening, OffersWhatItIsTold) {
  EXPECT_EQ(features_xml({.starttls = Features::Starttls::required}),
            "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/>"
            "</starttls></stream:features>");
  EXPECT_EQ(features_xml({.starttls = Features::Starttls::optional, .sasl = "<mechanisms/>"}),
            "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><mechanisms/>"
            "</stream:features>");
  EXPECT_EQ(features_xml({.bind = true}).find("starttls"), std::string::npos);
  EXPECT_NE(features_xml({.bind = true}).find("urn:ietf:params:xml:ns:xmpp-bind"),
            std::string::npos);
}

}  // namespace
}  // namespace server
