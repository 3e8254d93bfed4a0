#include "server/transfer/import.h"

#include <gmock/gmock.h>

#include <fstream>

#include "server/storage/sql_user_store.h"
#include "tests/server/storage/wait_for.h"
#include "tests/server/transfer/transferring.h"
#include "xmpp/sasl/scram.h"

namespace server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Import : public Transferring {
 protected:
  /// What is exported of everything, without what differs each time.
  Credentials credentials(const std::string& local) {
    SqlUserStore users(*storage_);
    auto found = wait_for(users.find(local, "localhost"));
    EXPECT_TRUE(found.has_value() && found->has_value()) << local;
    return **found;
  }

  bool has_account(const std::string& local) {
    SqlUserStore users(*storage_);
    return *wait_for(users.exists(local, "localhost"));
  }

  static std::string path_of(const std::string& name) {
    return "tests/server/transfer/exports/" + name;
  }

  ImportReport import_file(const std::string& name) {
    std::ifstream file(path_of(name));
    EXPECT_TRUE(file) << name;
    return import(*database_, file, std::filesystem::absolute(path_of(name)).parent_path());
  }
};

INSTANTIATE_TEST_SUITE_P(On, Import, testing::Values("mysql", "sqlite"));

// Written by the migrator of Prosody 0.12.3, from its own storage.
TEST_P(Import, TakesWhatProsodyWrites) {
  const ImportReport report = import_file("prosody.xml");
  EXPECT_TRUE(report.is_whole);
  EXPECT_THAT(faults_, IsEmpty());
  EXPECT_EQ(report.accounts_with_sha1_only, 1U);
  EXPECT_TRUE(xmpp::is_password_of(*credentials("juliet").sha1, "r0m30"));
  const std::string text = exported();
  for (const std::string_view part : {
           "<item jid='nurse@localhost' subscription='none' ask='subscribe'/>",
           "<item jid='romeo@localhost' subscription='both' name='Romeo &quot;M&quot; &lt;3'>"
           "<group>Friends</group><group>Lovers</group></item>",
           "<presence xmlns='jabber:client' type='subscribe' from='mercutio@localhost'/>",
           "<FN>Juliet Capulet</FN>",
           "<conference jid='orchard@conference.localhost' autojoin='true'/>",
           "<field var='pubsub#access_model'><value>whitelist</value></field>",
           "<item id='theplay@conference.localhost'><conference xmlns='urn:xmpp:bookmarks:1'",
           "<body>Call me but love</body>",
           "stamp='2023-11-14T22:13:22.000000Z'",
           "<body>What man art thou \xF0\x9F\x98\x80</body>",
       }) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

// Written by `ejabberdctl export_piefxis` of ejabberd 23.01: a file that includes another.
TEST_P(Import, TakesWhatEjabberdWrites) {
  const ImportReport report = import_file("ejabberd.xml");
  EXPECT_TRUE(report.is_whole);
  EXPECT_THAT(faults_, IsEmpty());
  EXPECT_TRUE(xmpp::is_password_of(*credentials("juliet").sha1, "r0m30"));
  const std::string text = exported();
  for (const std::string_view part : {
           "<item jid='romeo@localhost' subscription='both' name='Romeo'>",
           "<presence xmlns='jabber:client' to='juliet@localhost' from='mercutio@localhost'"
           " type='subscribe'/>",
           "<FN>Juliet Capulet</FN>",
           "<conference jid='orchard@conference.localhost'/>",
           "<delay xmlns='urn:xmpp:delay' from='localhost' stamp='2026-11-25T01:14:52.078704Z'/>",
       }) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_EQ(import_file("ejabberd_localhost.xml").counts[Moved::account].was_there, 1U)
      << "the file of a host can be read by itself";
}

// XEP-0227 §3.2: a password gives keys of both hashes.
TEST_P(Import, MakesKeysOfAPassword) {
  import_users("<user name='Juliet' password='r0m30'/>");
  EXPECT_THAT(faults_, IsEmpty());
  EXPECT_TRUE(xmpp::is_password_of(*credentials("juliet").sha1, "r0m30"));
  EXPECT_TRUE(xmpp::is_password_of(*credentials("juliet").sha256, "r0m30"));
}

// Hardening Q7: cut off at any place, it is done again and nothing is there twice or missing.
TEST_P(Import, BringsWhatIsMissingWhenDoneAgain) {
  const std::string user =
      "<user name='juliet' password='r0m30'><vCard xmlns='vcard-temp'><FN>J</FN></vCard>"
      "<offline-messages><message xmlns='jabber:client' from='romeo@localhost' "
      "to='juliet@localhost'>"
      "<body>1</body><delay xmlns='urn:xmpp:delay' from='localhost' stamp='2020-01-01T00:00:00Z'/>"
      "</message></offline-messages>";
  import_users(user + "<query xmlns='jabber:iq:roster'><item jid='romeo@localhost'/></query>");
  EXPECT_THAT(faults_, ElementsAre(HasSubstr("nothing behind this could be read")));
  const std::string whole =
      user + "<query xmlns='jabber:iq:roster'><item jid='romeo@localhost'/></query></user>";
  import_users(whole);
  EXPECT_THAT(faults_, IsEmpty());
  const std::string text = exported();
  EXPECT_THAT(text, HasSubstr("<item jid='romeo@localhost' subscription='none'/>"));

  const ImportReport again = import_users(whole);
  for (const Moved what : {Moved::account, Moved::roster, Moved::vcard, Moved::offline_message}) {
    EXPECT_EQ(again.counts[what].moved, 0U) << moved_names.at(static_cast<std::size_t>(what));
    EXPECT_EQ(again.counts[what].was_there, 1U) << moved_names.at(static_cast<std::size_t>(what));
  }
  EXPECT_EQ(exported(), text);
}

TEST_P(Import, LeavesAccountsThatAreThereAloneUnlessToldToReplaceThem) {
  const auto card = [](const std::string& name) {
    return "<vCard xmlns='vcard-temp'><FN>" + name + "</FN></vCard>";
  };
  import_users("<user name='juliet' password='old'>" + card("Old") + "</user>");
  const std::string newer = "<user name='juliet' password='new'>" + card("New") + "</user>";
  import_users(newer);
  EXPECT_TRUE(xmpp::is_password_of(*credentials("juliet").sha256, "old"));
  EXPECT_THAT(exported(), HasSubstr("<FN>Old</FN>"));

  import_.replaces = true;
  import_users(newer);
  EXPECT_TRUE(xmpp::is_password_of(*credentials("juliet").sha256, "new"));
  EXPECT_THAT(exported(), HasSubstr("<FN>New</FN>"));
}

// Hardening S13, Q3, Q4: each is named with its line, and the rest comes.
TEST_P(Import, NamesWhatItLeavesOutAndGoesOn) {
  const ImportReport report = import(
      "<server-data xmlns='urn:xmpp:pie:0'><host jid='elsewhere.example'>\n"
      "<user name='stranger'/></host><host jid='localhost'>\n"
      "<user name='a@b'/>\n"
      "<user name='" +
      std::string(1'024, 'x') +
      "'/>\n"
      "<user name='juliet'><scram-credentials xmlns='urn:xmpp:pie:0#scram' "
      "mechanism='SCRAM-SHA-512'/>\n"
      "<query xmlns='jabber:iq:roster'>\n<item jid='@@'/></query>\n"
      "<archive xmlns='urn:xmpp:pie:0#mam'><result xmlns='urn:xmpp:mam:2'/></archive>\n"
      "<strange xmlns='urn:strange'/>\n"
      "</user>\n"
      "<user name='romeo' password=''/></host></server-data>");
  EXPECT_TRUE(report.is_whole);
  EXPECT_THAT(
      faults_,
      ElementsAre("1: elsewhere.example: the domain is not served here; its users are left out",
                  "3: a@b@localhost: the user's name is none", HasSubstr("4: xxx"),
                  "5: juliet@localhost: credentials for SCRAM-SHA-512, which is not offered here",
                  "6: juliet@localhost: a contact whose address is none: @@",
                  "8: juliet@localhost: a message of the archive that says no time",
                  "11: romeo@localhost: its password cannot be one (RFC 4013)"));
  EXPECT_EQ(report.unknown.size(), 1U);
  EXPECT_TRUE(has_account("juliet"));
  EXPECT_TRUE(has_account("romeo"));
  EXPECT_FALSE(has_account("stranger"));
}

TEST_P(Import, StopsAtTheFirstFaultWhenTold) {
  import_.stops = true;
  const ImportReport report = import_users("<user name='@'/><user name='juliet'/>");
  EXPECT_FALSE(report.is_whole);
  EXPECT_FALSE(has_account("juliet"));
}

TEST_P(Import, CountsAsManyUnknownElementsAsItCanRemember) {
  std::string user = "<user name='juliet'><a xmlns='urn:a'/>";
  for (int n = 0; n < 1'500; ++n) user += "<a" + std::to_string(n) + "/>";
  const ImportReport report = import_users(user + "<a xmlns='urn:a'/></user>");
  EXPECT_EQ(report.unknown.size(), 1'000U);
  EXPECT_EQ(report.unknown.at("<a xmlns='urn:a'/>"), 2U);
}

// Hardening X1: nothing of a document type is looked at.
TEST_P(Import, RefusesEntities) {
  import(
      "<!DOCTYPE x [<!ENTITY a 'juliet'>]><server-data xmlns='urn:xmpp:pie:0'>"
      "<host jid='localhost'><user name='&a;'/></host></server-data>");
  EXPECT_THAT(faults_, ElementsAre(HasSubstr("a document type is not allowed")));
  EXPECT_FALSE(has_account("juliet"));
}

// An include could name any file that the administrator can read.
TEST_P(Import, IncludesNothingOutsideOfItsFolder) {
  std::istringstream file(
      "<server-data xmlns='urn:xmpp:pie:0' xmlns:xi='http://www.w3.org/2001/XInclude'>"
      "<xi:include href='../exports/ejabberd_localhost.xml'/>"
      "<xi:include href='/etc/passwd'/></server-data>");
  import(*database_, file, std::filesystem::absolute(path_of("")));
  EXPECT_THAT(faults_, ElementsAre(HasSubstr("is not included"), HasSubstr("is not included")));
  import(
      "<server-data xmlns='urn:xmpp:pie:0' xmlns:xi='http://www.w3.org/2001/XInclude'>"
      "<xi:include href='ejabberd_localhost.xml'/></server-data>");
  EXPECT_THAT(faults_, ElementsAre(HasSubstr("is not included"))) << "a pipe has no folder";
}

// XEP-0016, XEP-0191: what a block list can say becomes one, what it cannot is named.
TEST_P(Import, MakesABlockListOfAPrivacyListThatOnlyBlocks) {
  import_users(
      "<user name='juliet'><query xmlns='jabber:iq:privacy'><default name='d'/>"
      "<list name='d'><item type='jid' value='Tybalt@Example.com' action='deny' order='1'/>"
      "<item type='subscription' value='none' action='deny' order='2'/>"
      "<item type='jid' value='paris@example.com' action='deny' order='3'><message/></item>"
      "<item action='allow' order='4'/></list>"
      "<list name='other'><item action='deny' order='1'/></list></query></user>");
  EXPECT_THAT(faults_, ElementsAre(HasSubstr("privacy list other, which is not the default"),
                                   HasSubstr("privacy list d: the rule of order 2"),
                                   HasSubstr("privacy list d: the rule of order 3")));
  EXPECT_THAT(exported(), HasSubstr("value='tybalt@example.com' action='deny'"));
  EXPECT_THAT(exported(), Not(HasSubstr("paris")));
}

// Hardening S18: who may read is never more than was said.
TEST_P(Import, KeepsANodePrivateWhoseReadersItDoesNotKnow) {
  const auto node = [](const std::string& model) {
    return "<user name='juliet'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'>"
           "<configure node='n'><x xmlns='jabber:x:data' type='form'>"
           "<field var='pubsub#access_model'><value>" +
           model +
           "</value></field><field var='pubsub#title'><value>T</value></field></x></configure>"
           "</pubsub><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='n'>"
           "<item id='1'><a xmlns='urn:a'/></item><item id='2'/></items>"
           "<items node='unconfigured'><item id='1'/></items></pubsub></user>";
  };
  import_users(node("authorize"));
  const std::string text = exported();
  EXPECT_THAT(text, HasSubstr("<value>whitelist</value>"));
  EXPECT_THAT(text, Not(HasSubstr("<value>presence</value>")));
  EXPECT_THAT(text, HasSubstr("<item id='1'><a xmlns='urn:a'/></item>\n<item id='2'></item>"));

  import_.replaces = true;
  import_users(node("open"));
  EXPECT_THAT(exported(), HasSubstr("<value>open</value>"));
}

}  // namespace
}  // namespace server
