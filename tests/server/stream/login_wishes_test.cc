#include "server/stream/login_wishes.h"

#include <gtest/gtest.h>

#include <string>

#include "server/stream/sasl_wire.h"
#include "xmpp/stanza.h"

namespace server {
namespace {

std::optional<LoginWishes> wishes(const std::string& inside) {
  const auto element = xmpp::Stanza::parse(
      "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'>" + inside + "</authenticate>");
  if (!element) {
    ADD_FAILURE() << inside;
    return std::nullopt;
  }
  return LoginWishes::of(element->root());
}

// XEP-0388 §2.3, XEP-0386 §3.2, XEP-0198 §12
TEST(LoginWishes, AreReadFromAnAuthenticationRequest) {
  const auto all = wishes(
      "<initial-response>AA==</initial-response>"
      "<user-agent "
      "id='D4565FA7-4d72-4749-b3d3-740edbf87770'><software>Phone</software></user-agent>"
      "<resume xmlns='urn:xmpp:sm:3' previd='abc' h='7'/>"
      "<bind xmlns='urn:xmpp:bind:0'><tag>AwesomeXMPP</tag><enable xmlns='urn:xmpp:carbons:2'/>"
      "<enable xmlns='urn:xmpp:sm:3' resume='1'/><inactive xmlns='urn:xmpp:csi:0'/>"
      "<unheard-of xmlns='urn:example'/></bind>");
  ASSERT_TRUE(all);
  EXPECT_EQ(all->client(), "d4565fa7-4d72-4749-b3d3-740edbf87770");
  ASSERT_TRUE(all->resume);
  EXPECT_EQ(all->resume->previd, "abc");
  EXPECT_EQ(all->resume->h, "7");
  ASSERT_TRUE(all->bind);
  EXPECT_EQ(all->bind->tag, "AwesomeXMPP");
  EXPECT_TRUE(all->bind->session.carbons);
  EXPECT_TRUE(all->bind->session.acks);
  EXPECT_TRUE(all->bind->session.resumption);
  EXPECT_TRUE(all->bind->session.is_inactive);

  const auto few = wishes("<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3'/></bind>");
  ASSERT_TRUE(few && few->bind);
  EXPECT_EQ(few->client(), "");
  EXPECT_FALSE(few->resume);
  EXPECT_EQ(few->bind->tag, "");
  EXPECT_TRUE(few->bind->session.acks);
  EXPECT_FALSE(few->bind->session.resumption);
  EXPECT_FALSE(few->bind->session.carbons);
  EXPECT_FALSE(few->bind->session.is_inactive);
  EXPECT_FALSE(wishes("")->bind);
}

TEST(LoginWishes, AreRefusedWhereTheyContradictThemselves) {
  const std::string bind = "<bind xmlns='urn:xmpp:bind:0'/>";
  const std::string resume = "<resume xmlns='urn:xmpp:sm:3' previd='a' h='1'/>";
  EXPECT_TRUE(wishes(bind + resume));
  EXPECT_FALSE(wishes(bind + bind));
  EXPECT_FALSE(wishes(resume + bind + resume));
  EXPECT_FALSE(wishes("<initial-response/><initial-response>AA==</initial-response>"));
  EXPECT_FALSE(wishes("<bind xmlns='urn:xmpp:bind:0'><tag>a</tag><tag>b</tag></bind>"));
}

// XEP-0388 §2.3: the id MUST be a UUID.
TEST(LoginWishes, AreRefusedWithAnIdThatIsNoUuid) {
  const auto with_id = [](const std::string& id) {
    return wishes("<user-agent id='" + id + "'/>").has_value();
  };
  EXPECT_TRUE(with_id("d4565fa7-4d72-4749-b3d3-740edbf87770"));
  EXPECT_FALSE(with_id(""));
  EXPECT_FALSE(with_id("phone"));
  EXPECT_FALSE(with_id("d4565fa7-4d72-4749-b3d3-740edbf8777"));
  EXPECT_FALSE(with_id("d4565fa7-4d72-4749-b3d3-740edbf877700"));
  EXPECT_FALSE(with_id("d4565fa7x4d72-4749-b3d3-740edbf87770"));
  EXPECT_FALSE(with_id("g4565fa7-4d72-4749-b3d3-740edbf87770"));
  EXPECT_TRUE(wishes("<user-agent/>")) << "an id is recommended only";
}

// XEP-0484 §4
TEST(LoginWishes, TellWhatBecomesOfTokens) {
  const std::string fast = "<fast xmlns='urn:xmpp:fast:0' ";
  const auto plain = wishes(fast + "/>");
  ASSERT_TRUE(plain && plain->tokens.use);
  EXPECT_FALSE(plain->tokens.use->count);
  EXPECT_FALSE(plain->tokens.use->is_last);
  EXPECT_FALSE(plain->tokens.wanted);
  const auto last = wishes(fast + "count='7' invalidate='true'/>");
  EXPECT_EQ(last->tokens.use->count, 7U);
  EXPECT_TRUE(last->tokens.use->is_last);
  for (const char* count : {"", "0", "-1", "+1", "1 ", "x", "4294967296"}) {
    EXPECT_FALSE(wishes(fast + "count='" + count + "'/>")) << count;
  }
  const std::string wish = "<request-token xmlns='urn:xmpp:fast:0' mechanism=";
  EXPECT_EQ(wishes(wish + "'HT-SHA-256-ENDP'/>")->tokens.wanted, xmpp::TokenMechanism::endp);
  EXPECT_FALSE(wishes(wish + "'HT-SHA3-512-NONE'/>")->tokens.wanted) << "no reason to refuse";
  EXPECT_FALSE(wishes(fast + "/>" + fast + "/>"));
}

std::string step_of(const std::string& xml) {
  const auto element = xmpp::Stanza::parse(xml);
  const auto step = SaslStep::of(element->root());
  if (!step) return "none";
  const char* kinds[] = {"begin", "response", "abort", "malformed"};
  return std::string(kinds[static_cast<int>(step->kind)]) +
         (step->form == SaslForm::xep0388 ? " 2 " : " 1 ") + step->mechanism + " " +
         step->payload.value_or("nothing");
}

// RFC 6120 §6.4.2 and XEP-0388 §2.2 tell an empty payload from none in their own ways.
TEST(SaslStep, IsTheSameInBothForms) {
  const std::string old = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";
  const std::string now = "xmlns='urn:xmpp:sasl:2'";
  EXPECT_EQ(step_of("<auth " + old + " mechanism='M'>AA==</auth>"), "begin 1 M AA==");
  EXPECT_EQ(step_of("<auth " + old + " mechanism='M'>=</auth>"), "begin 1 M ");
  EXPECT_EQ(step_of("<auth " + old + " mechanism='M'/>"), "begin 1 M nothing");
  EXPECT_EQ(step_of("<authenticate " + now +
                    " mechanism='M'><initial-response>AA==</initial-response></authenticate>"),
            "begin 2 M AA==");
  EXPECT_EQ(step_of("<authenticate " + now + " mechanism='M'><initial-response/></authenticate>"),
            "begin 2 M ");
  EXPECT_EQ(step_of("<authenticate " + now + "/>"), "begin 2  nothing");
  EXPECT_EQ(step_of("<response " + old + ">AA==</response>"), "response 1  AA==");
  EXPECT_EQ(step_of("<response " + now + "/>"), "response 2  ");
  EXPECT_EQ(step_of("<abort " + now + "/>"), "abort 2  nothing");
  for (const char* name : {"success", "challenge", "failure", "next"}) {
    EXPECT_EQ(step_of("<" + std::string(name) + " " + now + "/>"), "none");
  }
  EXPECT_EQ(step_of("<auth " + now + " mechanism='M'/>"), "none") << "of the other form";
  EXPECT_EQ(step_of("<authenticate " + old + " mechanism='M'/>"), "none");
}

}  // namespace
}  // namespace server
