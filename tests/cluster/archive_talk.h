#pragma once

// What tests of the archive on whole nodes have in common.

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "tests/cluster/talk.h"
#include "tests/support/eventually.h"
#include "tests/support/mariadb.h"
#include "tests/support/node_process.h"
#include "tests/support/xmpp_client.h"
#include "xmpp/namespaces.h"

namespace tests {

inline constexpr const char* forward = "urn:xmpp:forward:0";

/// What a query was answered with.
struct Answer {
  Bodies bodies, ids;
  std::string condition;  // Of an error.
  bool is_complete = false;
  std::string last;
};

inline Answer ask_archive(XmppClient& client, const std::string& content,
                          const std::string& to = "") {
  static int asked = 0;
  const std::string id = "archive" + std::to_string(++asked);
  client.send("<iq type='set' id='" + id + "'" + (to.empty() ? "" : " to='" + to + "'") +
              "><query xmlns='urn:xmpp:mam:2' queryid='" + id + "'>" + content + "</query></iq>");
  Answer answer;
  while (const auto stanza = client.receive()) {
    const auto result = stanza->root().child("result", xmpp::ns::archive);
    if (result && result.attr("queryid") == id) {
      const auto message = result.child("forwarded", forward).child("message", xmpp::ns::client);
      answer.ids.emplace_back(result.attr("id"));
      answer.bodies.push_back(message.child("body", xmpp::ns::client).text());
      EXPECT_TRUE(client.jid().starts_with(std::string(stanza->from()) + "/"));
      EXPECT_TRUE(result.child("forwarded", forward).child("delay", xmpp::ns::delay));
      for (const xmpp::Element child : xmpp::children(message)) {
        EXPECT_FALSE(child.attr("by").ends_with("localhost")) << stanza->to_string();
      }
    }
    if (stanza->id() != id || stanza->kind() != xmpp::Stanza::Kind::iq) continue;
    if (stanza->type() == "error") {
      answer.condition = stanza->root().child("error", xmpp::ns::client).first_child().name();
      return answer;
    }
    const auto fin = stanza->root().child("fin", xmpp::ns::archive);
    answer.is_complete = fin.attr("complete") == "true";
    answer.last = fin.child("set", xmpp::ns::result_set).child("last", xmpp::ns::result_set).text();
    return answer;
  }
  ADD_FAILURE() << "no answer to " << content;
  return answer;
}

inline std::string set(const std::string& content) {
  return "<set xmlns='http://jabber.org/protocol/rsm'>" + content + "</set>";
}

inline std::string form(const std::string& field, const std::string& value) {
  return "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'>"
         "<value>urn:xmpp:mam:2</value></field><field var='" +
         field + "'><value>" + value + "</value></field></x>";
}

/// All that is in a client's archive, page by page.
inline Bodies archive_of(XmppClient& client) {
  Bodies bodies;
  std::string page = set("<max>30</max>");
  while (true) {
    const Answer answer = ask_archive(client, page);
    bodies.insert(bodies.end(), answer.bodies.begin(), answer.bodies.end());
    if (answer.is_complete || answer.last.empty()) return bodies;
    page = set("<max>30</max><after>" + answer.last + "</after>");
  }
}

inline Bodies numbers(int last) {
  Bodies bodies;
  for (int n = 1; n <= last; ++n) bodies.push_back(std::to_string(n));
  return bodies;
}

class Archive : public testing::Test {
 protected:
  void start(std::size_t nodes, std::vector<std::string> flags = {}) {
    database_ = std::make_unique<MariaDb>();
    cluster_ = std::make_unique<ClusterOfNodes>(*database_, "archive", nodes, std::move(flags));
  }

  NodeProcess& node(std::size_t index) { return cluster_->node(index); }

  /// How many rows there are `where`.
  std::string rows(const std::string& where = "TRUE") {
    const std::string told =
        database_->sql("SELECT COUNT(*) FROM archive WHERE " + where, "archive");
    return told.substr(0, told.find('\n'));
  }

  std::unique_ptr<MariaDb> database_;
  std::unique_ptr<ClusterOfNodes> cluster_;
};

/// What a node's metrics say.
inline std::string metric(const NodeProcess& node, const std::string& name) {
  const std::string page = node.health("/metrics").body;
  const auto at = page.find("\n" + name + " ");
  if (at == std::string::npos) return "none";
  const auto from = at + name.size() + 2;
  return page.substr(from, page.find('\n', from) - from);
}

}  // namespace tests
