#include "loadgen/negotiation.h"

#include <gtest/gtest.h>

namespace loadgen {
namespace {

using Kind = NegotiationStep::Kind;

constexpr const char* starttls_offer =
    "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>"
    "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>";
constexpr const char* plain_offer =
    "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>"
    "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism>"
    "</mechanisms></stream:features>";
constexpr const char* bind_offer =
    "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>"
    "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>";
constexpr const char* full_offer =
    "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>"
    "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
    "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/><sm xmlns='urn:xmpp:sm:3'/>"
    "</stream:features>";
constexpr const char* success = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
constexpr const char* bound = "<iq type='result' id='bind'/>";

/// A client's way in, told what the server says.
class Way {
 public:
  explicit Way(TlsMode tls = TlsMode::off, bool registers = false) {
    settings.domain = "localhost";
    settings.tls.mode = tls;
    settings.auth = AuthChoice::plain;
    negotiation = std::make_unique<Negotiation>(settings, account, *keys, memory, registers);
  }

  NegotiationStep hears(const std::string& xml) {
    const auto element = xmpp::Stanza::parse(xml);
    if (!element.has_value()) {
      ADD_FAILURE() << "no XML: " << xml;
      return {};
    }
    return negotiation->on_element(*element);
  }

  ClientSettings settings;
  Account account{"juliet", "r0m30"};
  LoginMemory memory{.client_id = "d4565fa7-4d72-4749-b3d3-740edbf87770"};
  std::unique_ptr<SaltedKeys, SaltedKeysFree> keys = make_salted_keys();
  std::unique_ptr<Negotiation> negotiation;
};

// XEP-0198 §5: instead of binding, where the server has XEP-0198 at all.
TEST(Negotiation, AsksForTheFormerSessionAndBindsWhereThatIsRefused) {
  for (const bool is_known : {true, false}) {
    Way way;
    way.negotiation = std::make_unique<Negotiation>(way.settings, way.account, *way.keys,
                                                    way.memory, false, FormerSession{"<x", 7});
    way.hears(plain_offer);
    way.hears(success);
    const auto asked = way.hears(full_offer);
    EXPECT_EQ(asked.text, "<resume xmlns='urn:xmpp:sm:3' previd='&lt;x' h='7'/>");
    if (is_known) {
      const auto step = way.hears("<resumed xmlns='urn:xmpp:sm:3' previd='&lt;x' h='12'/>");
      EXPECT_EQ(step.kind, Kind::resumed);
      EXPECT_EQ(step.text, "12");
      continue;
    }
    const auto bind = way.hears("<failed xmlns='urn:xmpp:sm:3'><item-not-found/></failed>");
    EXPECT_NE(bind.text.find("<resource>"), std::string::npos) << bind.text;
  }
}

TEST(Negotiation, AsksForNoFormerSessionWhereThereAreNoAcknowledgements) {
  Way way;
  way.negotiation = std::make_unique<Negotiation>(way.settings, way.account, *way.keys, way.memory,
                                                  false, FormerSession{"x", 7});
  way.hears(plain_offer);
  way.hears(success);
  EXPECT_NE(way.hears(bind_offer).text.find("<resource>"), std::string::npos);
}

TEST(Negotiation, ComesOnlineOverLoginAndBinding) {
  Way way;
  const auto auth = way.hears(plain_offer);
  EXPECT_EQ(auth.kind, Kind::send);
  EXPECT_NE(auth.text.find("mechanism='PLAIN'"), std::string::npos) << auth.text;
  EXPECT_EQ(way.hears(success).kind, Kind::restart_stream);
  const auto bind = way.hears(bind_offer);
  EXPECT_EQ(bind.kind, Kind::send);
  EXPECT_NE(bind.text.find("<resource>"), std::string::npos) << bind.text;
  EXPECT_EQ(way.hears(bound).kind, Kind::online);
  EXPECT_FALSE(way.negotiation->has_stream_management());
}

TEST(Negotiation, AsksForTheLegacySessionAndForAcknowledgementsWhereTheyAreOffered) {
  Way way;
  way.hears(plain_offer);
  way.hears(success);
  way.hears(full_offer);
  EXPECT_NE(way.hears(bound).text.find("xmpp-session"), std::string::npos);
  EXPECT_EQ(way.hears("<iq type='result' id='session'/>").text,
            "<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
  EXPECT_EQ(way.hears("<enabled xmlns='urn:xmpp:sm:3' id='x' resume='1'/>").kind, Kind::online);
  EXPECT_TRUE(way.negotiation->has_stream_management());
  EXPECT_EQ(way.negotiation->resume_id(), "x");
}

TEST(Negotiation, GoesOnWithoutAcknowledgementsThatAreRefused) {
  Way way;
  way.hears(plain_offer);
  way.hears(success);
  way.hears(full_offer);
  way.hears(bound);
  way.hears("<iq type='result' id='session'/>");
  EXPECT_EQ(way.hears("<failed xmlns='urn:xmpp:sm:3'/>").kind, Kind::online);
  EXPECT_FALSE(way.negotiation->has_stream_management());
}

TEST(Negotiation, TurnsToTlsBeforeItLogsIn) {
  Way way(TlsMode::starttls);
  EXPECT_EQ(way.hears(starttls_offer).text, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
  EXPECT_EQ(way.hears("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").kind, Kind::start_tls);
}

// A server, or somebody between, that leaves STARTTLS out gets no password.
TEST(Negotiation, DoesNotLogInInClearWhereTlsIsWanted) {
  Way way(TlsMode::starttls);
  const auto step = way.hears(plain_offer);
  EXPECT_EQ(step.kind, Kind::failed);
  EXPECT_EQ(step.text.find("r0m30"), std::string::npos);
}

TEST(Negotiation, IsOverWhenTlsIsRefused) {
  Way way(TlsMode::starttls);
  way.hears(starttls_offer);
  EXPECT_EQ(way.hears("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").kind, Kind::failed);
}

TEST(Negotiation, SaysWhyALoginWasRefused) {
  Way way;
  way.hears(plain_offer);
  const auto step =
      way.hears("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>");
  EXPECT_EQ(step.kind, Kind::failed);
  EXPECT_NE(step.text.find("not-authorized"), std::string::npos) << step.text;
}

TEST(Negotiation, TakesAnAccountThatExistsAlreadyForMade) {
  Way way(TlsMode::off, true);
  EXPECT_NE(way.hears(plain_offer).text.find("<username>juliet</username>"), std::string::npos);
  EXPECT_FALSE(way.negotiation->has_registered());
  const auto step = way.hears(
      "<iq type='error' id='register'><error type='cancel'>"
      "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
  EXPECT_NE(step.text.find("<auth"), std::string::npos) << step.text;
  EXPECT_TRUE(way.negotiation->has_registered());
}

TEST(Negotiation, IsOverWhenTheAccountOrTheResourceIsRefused) {
  Way unwelcome(TlsMode::off, true);
  unwelcome.hears(plain_offer);
  EXPECT_EQ(unwelcome
                .hears("<iq type='error' id='register'><error type='cancel'>"
                       "<not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>")
                .text,
            "registration refused: not-allowed");
  Way crowded;
  crowded.hears(plain_offer);
  crowded.hears(success);
  crowded.hears(bind_offer);
  EXPECT_EQ(
      crowded
          .hears("<iq type='error' id='bind'><error type='wait'>"
                 "<resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>")
          .text,
      "bind refused: resource-constraint");
}

TEST(Negotiation, WaitsThroughWhatItDidNotAskFor) {
  Way way;
  EXPECT_EQ(way.hears(bound).kind, Kind::wait);
  EXPECT_EQ(way.hears(success).kind, Kind::wait);
  EXPECT_EQ(way.hears("<enabled xmlns='urn:xmpp:sm:3'/>").kind, Kind::wait);
  EXPECT_EQ(way.hears("<presence/>").kind, Kind::wait);
}

constexpr const char* inline_offer =
    "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>"
    "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>"
    "<authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism><inline>"
    "<bind xmlns='urn:xmpp:bind:0'/><fast xmlns='urn:xmpp:fast:0'>"
    "<mechanism>HT-SHA-256-NONE</mechanism></fast></inline></authentication></stream:features>";

// XEP-0388, XEP-0386, XEP-0198 §12
TEST(Negotiation, DoesAllInOneRoundTripWhereItMay) {
  Way way;
  way.settings.login = LoginWay::inlined;
  way.negotiation = std::make_unique<Negotiation>(way.settings, way.account, *way.keys, way.memory,
                                                  false, FormerSession{"x", 7});
  const auto asked = way.hears(inline_offer);
  EXPECT_EQ(asked.text,
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'>"
            "<initial-response>AGp1bGlldAByMG0zMA==</initial-response>"
            "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'/>"
            "<resume xmlns='urn:xmpp:sm:3' previd='x' h='7'/>"
            "<bind xmlns='urn:xmpp:bind:0'><tag>load</tag>"
            "<enable xmlns='urn:xmpp:sm:3' resume='true'/></bind></authenticate>");
  const auto online = way.hears(
      "<success xmlns='urn:xmpp:sasl:2'><failed xmlns='urn:xmpp:sm:3'/>"
      "<bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='y' resume='true'/>"
      "</bound></success>");
  EXPECT_EQ(online.kind, Kind::online);
  EXPECT_TRUE(way.negotiation->has_stream_management());
  EXPECT_EQ(way.negotiation->resume_id(), "y");
}

TEST(Negotiation, HearsOfTheFormerSessionInTheAnswerToTheLogin) {
  Way way;
  way.settings.login = LoginWay::inlined;
  way.hears(inline_offer);
  const auto step = way.hears(
      "<success xmlns='urn:xmpp:sasl:2'><resumed xmlns='urn:xmpp:sm:3' previd='x' h='12'/>"
      "</success>");
  EXPECT_EQ(step.kind, Kind::resumed);
  EXPECT_EQ(step.text, "12");
}

TEST(Negotiation, BindsBySeparateStepsWhereTheLoginBoundNothing) {
  Way way;
  way.settings.login = LoginWay::inlined;
  way.hears(inline_offer);
  EXPECT_EQ(way.hears("<success xmlns='urn:xmpp:sasl:2'/>").kind, Kind::wait);
  EXPECT_NE(way.hears(bind_offer).text.find("<resource>"), std::string::npos);

  Way older;  // A server without XEP-0388.
  older.settings.login = LoginWay::token;
  EXPECT_NE(older.hears(plain_offer).text.find("<auth "), std::string::npos);
}

// XEP-0484: asked for, kept, used, and forgotten when it is refused.
TEST(Negotiation, LogsInWithTheTokenThatItWasGiven) {
  Way way;
  way.settings.login = LoginWay::token;
  const auto begin = [&] {
    way.negotiation =
        std::make_unique<Negotiation>(way.settings, way.account, *way.keys, way.memory, false);
    return way.hears(inline_offer).text;
  };
  const std::string by_password = begin();
  EXPECT_NE(
      by_password.find("<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>"),
      std::string::npos)
      << by_password;
  way.hears(
      "<success xmlns='urn:xmpp:sasl:2'><token xmlns='urn:xmpp:fast:0' token='t' expiry='e'/>"
      "<bound xmlns='urn:xmpp:bind:0'/></success>");
  const std::string by_token = begin();
  EXPECT_NE(by_token.find("mechanism='HT-SHA-256-NONE'"), std::string::npos) << by_token;
  EXPECT_NE(by_token.find("<fast xmlns='urn:xmpp:fast:0'/>"), std::string::npos) << by_token;
  EXPECT_EQ(by_token.find("<request-token"), std::string::npos) << by_token;
  EXPECT_EQ(way.hears("<success xmlns='urn:xmpp:sasl:2'><additional-data>AAAA</additional-data>"
                      "<bound xmlns='urn:xmpp:bind:0'/></success>")
                .kind,
            Kind::failed)
      << "the server has to prove that it knows the token";
  EXPECT_NE(begin().find("mechanism='PLAIN'"), std::string::npos);
}

}  // namespace
}  // namespace loadgen
