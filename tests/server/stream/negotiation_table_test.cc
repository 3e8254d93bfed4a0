#include "server/stream/negotiation_table.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace server {
namespace {

using Phase = StreamPhase;
using Error = xmpp::StreamErrorCondition;

/// What the table says, as a word: the step's, or the error's name.
std::string verdict(Phase phase, std::string_view xml, StreamOffer offer = {.starttls = true}) {
  const auto element = xmpp::Stanza::parse(xml);
  if (!element) return "not an element";
  const auto step = step_of(phase, *element, offer);
  if (!step) return std::string(xmpp::name(step.error()));
  constexpr std::array words = {
      "starttls",         "in clear",     "login",  "registration", "too early", "bind",
      "acknowledgements", "client state", "stanza", "ignore",       "resume"};
  return words.at(static_cast<std::size_t>(*step));
}

constexpr const char* starttls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
constexpr const char* auth =
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>";
constexpr const char* authenticate = "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>";
constexpr const char* bind =
    "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
constexpr const char* bind_get =
    "<iq type='get' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
constexpr const char* message = "<message to='romeo@localhost'><body>soft</body></message>";
constexpr const char* presence = "<presence/>";
constexpr const char* enable = "<enable xmlns='urn:xmpp:sm:3'/>";
constexpr const char* resume = "<resume xmlns='urn:xmpp:sm:3' previd='x' h='1'/>";
constexpr const char* ack = "<a xmlns='urn:xmpp:sm:3' h='1'/>";
constexpr const char* request = "<r xmlns='urn:xmpp:sm:3'/>";
constexpr const char* inactive = "<inactive xmlns='urn:xmpp:csi:0'/>";
constexpr const char* odd = "<message xmlns='urn:example:odd'/>";
constexpr const char* unknown = "<query/>";

// Hardening P7 and P8: every known top-level element in every phase in which one is looked at.
TEST(NegotiationTable, SaysForEachPhaseWhatMayCome) {
  struct Row {
    const char* element;
    std::string before_tls, authenticating, binding, bound, closing;
  };
  const Row rows[] = {
      {starttls, "starttls", "starttls", "not-authorized", "unsupported-stanza-type", "ignore"},
      {auth, "in clear", "login", "not-authorized", "unsupported-stanza-type", "ignore"},
      {authenticate, "in clear", "login", "not-authorized", "unsupported-stanza-type", "ignore"},
      {bind, "not-authorized", "not-authorized", "bind", "stanza", "ignore"},
      {bind_get, "not-authorized", "not-authorized", "not-authorized", "stanza", "ignore"},
      {message, "not-authorized", "not-authorized", "not-authorized", "stanza", "ignore"},
      {presence, "not-authorized", "not-authorized", "not-authorized", "stanza", "ignore"},
      {enable, "policy-violation", "policy-violation", "too early", "acknowledgements", "ignore"},
      {resume, "policy-violation", "policy-violation", "resume", "acknowledgements", "ignore"},
      {ack, "policy-violation", "policy-violation", "too early", "acknowledgements",
       "acknowledgements"},
      {request, "policy-violation", "policy-violation", "too early", "acknowledgements", "ignore"},
      {inactive, "policy-violation", "policy-violation", "not-authorized", "client state",
       "ignore"},
      {odd, "policy-violation", "policy-violation", "not-authorized", "unsupported-stanza-type",
       "ignore"},
      {unknown, "not-authorized", "not-authorized", "not-authorized", "unsupported-stanza-type",
       "ignore"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(verdict(Phase::before_tls, row.element), row.before_tls) << row.element;
    EXPECT_EQ(verdict(Phase::authenticating, row.element), row.authenticating) << row.element;
    EXPECT_EQ(verdict(Phase::binding, row.element), row.binding) << row.element;
    EXPECT_EQ(verdict(Phase::bound, row.element), row.bound) << row.element;
    EXPECT_EQ(verdict(Phase::closing, row.element), row.closing) << row.element;
  }
}

// XEP-0388 §2.4
TEST(NegotiationTable, HasRoomForTheNextStepAloneInsideAnExchange) {
  EXPECT_EQ(verdict(Phase::exchanging, "<response xmlns='urn:xmpp:sasl:2'/>"), "login");
  EXPECT_EQ(verdict(Phase::exchanging, "<abort xmlns='urn:xmpp:sasl:2'/>"), "login");
  for (const char* element : {starttls, auth, bind, message, enable, ack, unknown}) {
    EXPECT_EQ(verdict(Phase::exchanging, element, {.starttls = true, .registration = true}),
              "policy-violation")
        << element;
  }
}

TEST(NegotiationTable, HasNoPlaceForElementsWhileNobodyWaitsForOne) {
  for (const Phase phase :
       {Phase::opening, Phase::tls_handshake, Phase::checking, Phase::resuming, Phase::ended}) {
    for (const char* element : {starttls, auth, bind, message, ack}) {
      EXPECT_EQ(verdict(phase, element), "policy-violation") << element;
    }
  }
}

// RFC 6120 §5.4.2.1: TLS inside TLS is not there to be asked for.
TEST(NegotiationTable, RefusesStarttlsOnAnEncryptedStream) {
  EXPECT_EQ(verdict(Phase::authenticating, starttls, {.starttls = false}), "policy-violation");
}

TEST(NegotiationTable, TakesRegistrationBeforeLoginOnlyWhereItIsOn) {
  const char* iq = "<iq type='get' id='r'><query xmlns='jabber:iq:register'/></iq>";
  EXPECT_EQ(verdict(Phase::authenticating, iq, {.registration = false}), "not-authorized");
  EXPECT_EQ(verdict(Phase::authenticating, iq, {.registration = true}), "registration");
  EXPECT_EQ(verdict(Phase::before_tls, iq, {.registration = true}), "not-authorized");
  EXPECT_EQ(verdict(Phase::authenticating, message, {.registration = true}), "not-authorized");
}

}  // namespace
}  // namespace server
