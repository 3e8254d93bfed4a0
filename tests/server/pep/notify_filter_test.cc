#include "server/pep/notify_filter.h"

#include <gtest/gtest.h>

#include <string>

namespace server {
namespace {

constexpr const char* simple_ver = "QgayPKawpkPSDYmwT/WM94uAlu0=";

const std::string simple =
    "<identity category='client' type='pc' name='Exodus 0.9.1'/>"
    "<feature var='http://jabber.org/protocol/caps'/>"
    "<feature var='http://jabber.org/protocol/disco#items'/>"
    "<feature var='http://jabber.org/protocol/disco#info'/>"
    "<feature var='http://jabber.org/protocol/muc'/>";

xmpp::Stanza query(const std::string& content) {
  return *xmpp::Stanza::parse("<query xmlns='http://jabber.org/protocol/disco#info'>" + content +
                              "</query>");
}

xmpp::Stanza presence(const std::string& ver) {
  return *xmpp::Stanza::parse(
      "<presence from='juliet@localhost/balcony'><c xmlns='http://jabber.org/protocol/caps' "
      "hash='sha-1' node='urn:client' ver='" +
      ver + "'/></presence>");
}

std::string id_of(const std::string& question) {
  return std::string(xmpp::Stanza::parse(question)->id());
}

xmpp::Stanza answer(const std::string& id, const std::string& content) {
  return *xmpp::Stanza::parse("<iq type='result' id='" + id +
                              "'><query xmlns='http://jabber.org/protocol/disco#info'>" + content +
                              "</query></iq>");
}

// The examples of XEP-0115 §5.2 and §5.3.
TEST(VerificationString, IsTheOneOfTheXepsExamples) {
  EXPECT_TRUE(has_verification_string(query(simple).root(), "sha-1", simple_ver));
  const std::string complex =
      "<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>"
      "<identity xml:lang='el' category='client' name='\u03a8 0.11' type='pc'/>"
      "<feature var='http://jabber.org/protocol/caps'/>"
      "<feature var='http://jabber.org/protocol/disco#info'/>"
      "<feature var='http://jabber.org/protocol/disco#items'/>"
      "<feature var='http://jabber.org/protocol/muc'/>"
      "<x xmlns='jabber:x:data' type='result'>"
      "<field var='FORM_TYPE' type='hidden'>"
      "<value>urn:xmpp:dataforms:softwareinfo</value></field>"
      "<field var='ip_version'><value>ipv6</value><value>ipv4</value></field>"
      "<field var='os'><value>Mac</value></field>"
      "<field var='os_version'><value>10.5.1</value></field>"
      "<field var='software'><value>Psi</value></field>"
      "<field var='software_version'><value>0.11</value></field></x>";
  EXPECT_TRUE(
      has_verification_string(query(complex).root(), "sha-1", "q07IKJEyjvHSyhy//CH0CxmKi8w="));
}

// XEP-0115 §5.4, hardening S19
TEST(VerificationString, IsNoneOfWhatIsOtherwiseOrThereTwice) {
  EXPECT_FALSE(has_verification_string(query(simple).root(), "sha-256", simple_ver));
  EXPECT_FALSE(has_verification_string(query(simple).root(), "md5", simple_ver));
  const std::string more = simple + "<feature var='urn:more'/>";
  EXPECT_FALSE(has_verification_string(query(more).root(), "sha-1", simple_ver));
  const std::string twice = simple + "<feature var='http://jabber.org/protocol/muc'/>";
  EXPECT_FALSE(has_verification_string(query(twice).root(), "sha-1", simple_ver));
}

TEST(NotifyFilter, AsksTheFirstOfAMakeAndKnowsTheNext) {
  CapsCache cache;
  NotifyFilter first(cache), second(cache);
  const auto question = first.on_presence(presence(simple_ver));
  ASSERT_TRUE(question);
  EXPECT_FALSE(first.on_presence(presence(simple_ver))) << "asked twice";
  EXPECT_TRUE(first.on_answer(answer(id_of(*question), simple)));
  EXPECT_FALSE(second.on_presence(presence(simple_ver)));
  EXPECT_FALSE(second.wants_anything());
}

TEST(NotifyFilter, WantsWhatTheFeaturesSay) {
  CapsCache cache;
  NotifyFilter filter(cache);
  EXPECT_FALSE(filter.wants("urn:a"));
  const auto question = filter.on_presence(presence("a lie"));
  ASSERT_TRUE(question);
  EXPECT_TRUE(filter.on_answer(
      answer(id_of(*question), "<feature var='urn:a+notify'/><feature var='urn:b'/>")));
  EXPECT_TRUE(filter.wants("urn:a"));
  EXPECT_FALSE(filter.wants("urn:b"));
  EXPECT_FALSE(filter.wants("urn:a+notify"));
}

// Hardening S19: what does not verify is believed of nobody else.
TEST(NotifyFilter, DoesNotBelieveOneClientForAnother) {
  CapsCache cache;
  NotifyFilter liar(cache), honest(cache);
  const auto question = liar.on_presence(presence(simple_ver));
  liar.on_answer(answer(id_of(*question), "<feature var='urn:a+notify'/>"));
  const auto again = honest.on_presence(presence(simple_ver));
  ASSERT_TRUE(again);
  honest.on_answer(answer(id_of(*again), simple));
  EXPECT_FALSE(honest.wants("urn:a"));
}

// Hardening S4
TEST(NotifyFilter, TakesAnAnswerOnceAndToItsQuestionAlone) {
  CapsCache cache;
  NotifyFilter filter(cache);
  const auto question = filter.on_presence(presence(simple_ver));
  const std::string wanted = "<feature var='urn:a+notify'/>";
  EXPECT_FALSE(filter.on_answer(answer("caps-guess", wanted)));
  EXPECT_FALSE(filter.on_answer(answer("", wanted)));
  EXPECT_TRUE(filter.on_answer(answer(id_of(*question), "")));
  EXPECT_FALSE(filter.on_answer(answer(id_of(*question), wanted)));
  EXPECT_FALSE(filter.wants("urn:a"));

  const auto refused = filter.on_presence(presence("other"));
  EXPECT_FALSE(
      filter.on_answer(*xmpp::Stanza::parse("<iq type='error' id='" + id_of(*refused) + "'/>")));
}

}  // namespace
}  // namespace server
