#include "server/transfer/file_reader.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace server {
namespace {

using Kind = FilePiece::Kind;

/// What a file says, a piece a line.
std::string pieces(const std::string& text, FileRoot root = FileRoot::any) {
  static constexpr const char* names[] = {"host",    "user",     "element", "user_end", "include",
                                          "unknown", "left_out", "broken",  "end"};
  std::istringstream file(text);
  FileReader reader(file, root);
  std::string all;
  for (;;) {
    const FilePiece piece = reader.next();
    if (piece.kind == Kind::end) return all;
    all += std::to_string(piece.line) + " " + names[static_cast<int>(piece.kind)] + " " +
           piece.text + (piece.password ? " with " + piece.password->reveal() : "") + "\n";
    if (piece.kind == Kind::broken) return all;
  }
}

std::string in_user(const std::string& content) {
  return "<server-data xmlns='urn:xmpp:pie:0'><host jid='localhost'><user name='juliet'>" +
         content + "</user></host></server-data>";
}

const std::string user_begin = "1 host localhost\n1 user juliet\n";

TEST(FileReader, SaysEachElementOfAUserByItself) {
  EXPECT_EQ(
      pieces("<?xml version='1.0'?>\n<!-- by hand -->\n<p:server-data xmlns:p='urn:xmpp:pie:0'>"
             "<p:host jid='localhost'>\n<p:user name='juliet' password='a&amp;b'>\n"
             "<v:vCard xmlns:v='vcard-temp'><v:FN v:a='1' xml:lang='en'>&lt;</v:FN></v:vCard>\n"
             "<p:offline-messages><message xmlns='jabber:client'/>\n"
             "<message xmlns='jabber:client'><x xmlns=''/></message></p:offline-messages>\n"
             "</p:user></p:host></p:server-data>"),
      "3 host localhost\n4 user juliet with a&b\n"
      "5 element <vCard xmlns='vcard-temp'><FN xmlns:a0='vcard-temp' a0:a='1' xml:lang='en'>"
      "&lt;</FN></vCard>\n"
      "6 element <message xmlns='jabber:client'></message>\n"
      "7 element <message xmlns='jabber:client'><x xmlns=''></x></message>\n"
      "8 user_end \n");
}

// XEP-0227 §3: what is not known is passed over, and told.
TEST(FileReader, PassesOverWhatItDoesNotKnow) {
  EXPECT_EQ(
      pieces("<server-data xmlns='urn:xmpp:pie:0'><x xmlns='urn:x'><user name='no'/></x>"
             "<host jid='localhost'><y/></host></server-data>"),
      "1 unknown <x xmlns='urn:x'/>\n1 host localhost\n1 unknown <y xmlns='urn:xmpp:pie:0'/>\n");
}

TEST(FileReader, TakesEachRootOnlyWhereItMayBe) {
  EXPECT_EQ(pieces("<x/>"), "1 broken this is no export of accounts (XEP-0227)\n");
  EXPECT_EQ(pieces("<host xmlns='urn:xmpp:pie:0' jid='a'/>"), "1 host a\n");
  const std::string user = "<user xmlns='urn:xmpp:pie:0' name='a'/>";
  EXPECT_EQ(pieces(user), "1 broken this is no export of accounts (XEP-0227)\n");
  EXPECT_EQ(pieces(user, FileRoot::user), "1 user a\n1 user_end \n");
  EXPECT_EQ(pieces("<server-data xmlns='urn:xmpp:pie:0'/>", FileRoot::host),
            "1 broken this is no export of accounts (XEP-0227)\n");
}

// Hardening X1, X7 to X10.
TEST(FileReader, EndsAtWhatNoReaderShouldGoOnWith) {
  EXPECT_EQ(pieces("<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>"),
            "1 broken a document type is not allowed\n");
  EXPECT_EQ(pieces(in_user("</x>")), user_begin + "1 broken mismatched tag\n");
  EXPECT_EQ(pieces("<server-data xmlns='urn:xmpp:pie:0'>"), "1 broken no element found\n");
  EXPECT_EQ(pieces(""), "1 broken no element found\n");
  std::string deep;
  for (int i = 0; i < 20'000; ++i) deep += "<a>";
  EXPECT_EQ(pieces(in_user(deep)),
            user_begin + "1 broken more than 10,000 elements inside of one another\n");
}

TEST(FileReader, LeavesAnElementOutThatIsTooDeepOrTooLong) {
  std::string deep = "<b/>";
  for (std::size_t i = 0; i < FileReader::depth_max; ++i) deep.insert(0, "<a>").append("</a>");
  const std::string behind = "1 element <c xmlns='urn:xmpp:pie:0'></c>\n1 user_end \n";
  EXPECT_EQ(pieces(in_user(deep + "<c/>")),
            user_begin + "1 left_out <a/>: more than 64 elements inside of one another\n" + behind);
  const std::string part = "<a>" + std::string(1 << 20, 'x') + "</a>";
  std::string long_one = "<d>";
  for (int i = 0; i < 17; ++i) long_one += part;
  EXPECT_EQ(pieces(in_user(long_one + "</d><c/>")),
            user_begin + "1 left_out <d/>: more than 16 MiB\n" + behind);
}

TEST(FileReader, EndsAtATagThatWouldNotFitIntoMemory) {
  EXPECT_EQ(pieces(in_user("<a b='" + std::string(18 << 20, 'x') + "'/>")),
            user_begin + "1 broken a tag of more than 16 MiB\n");
}

}  // namespace
}  // namespace server
