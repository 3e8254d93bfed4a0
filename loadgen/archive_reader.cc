#include "loadgen/archive_reader.h"

#include <utility>

#include "loadgen/negotiation.h"
#include "xmpp/namespaces.h"

namespace loadgen {
namespace {

constexpr std::size_t at_once = 16;
constexpr int tries_max = 10;
constexpr Micros answer_limit{10'000'000};
constexpr Micros retry_after{1'000'000};
constexpr const char* page_max = "100";

std::string query_xml(const std::string& id, const std::string& since, const std::string& after) {
  std::string xml = "<iq type='set' id='" + id + "'><query xmlns='" +
                    std::string(xmpp::ns::archive) + "' queryid='" + id + "'><x xmlns='" +
                    std::string(xmpp::ns::data_forms) +
                    "' type='submit'><field var='FORM_TYPE' type='hidden'><value>" +
                    std::string(xmpp::ns::archive) + "</value></field><field var='start'><value>" +
                    since + "</value></field></x><set xmlns='" + std::string(xmpp::ns::result_set) +
                    "'><max>" + page_max + "</max>";
  if (!after.empty()) xml += "<after>" + xmpp::escape_text(after) + "</after>";
  return xml + "</set></query></iq>";
}

}  // namespace

void ArchiveReader::begin(std::vector<Owner> owners, std::string since) {
  since_ = std::move(since);
  waiting_.assign(owners.begin(), owners.end());
}

void ArchiveReader::turn(Micros now) {
  while (!waiting_.empty() && running_.size() < at_once) {
    const Owner owner = waiting_.front();
    waiting_.pop_front();
    running_.emplace(owner.client,
                     Reading{.audit = ArchiveAudit(audit_, owner.client, owner.flows)});
  }
  for (auto at = running_.begin(); at != running_.end();) {
    auto& [client, reading] = *at;
    if (now >= reading.ask_at && reading.tries == tries_max) {
      ++given_up_;
      at = running_.erase(at);
      continue;
    }
    if (now >= reading.ask_at) ask(client, reading, now);
    ++at;
  }
}

void ArchiveReader::ask(std::uint32_t client, Reading& reading, Micros now) {
  reading.query = "archive-" + std::to_string(client) + "-" + std::to_string(++reading.asked);
  reading.page.clear();
  ++reading.tries;
  const bool is_asked = asker_.ask(client, query_xml(reading.query, since_, reading.after));
  reading.ask_at = now + (is_asked ? answer_limit : retry_after);
}

void ArchiveReader::on_result(std::uint32_t client, const xmpp::Element& result) {
  const auto reading = running_.find(client);
  if (reading == running_.end() || result.attr("queryid") != reading->second.query) return;
  const auto message =
      result.child("forwarded", xmpp::ns::forward).child("message", xmpp::ns::client);
  reading->second.page.push_back({.id = std::string(message.attr("id")),
                                  .from = std::string(message.attr("from")),
                                  .body = message.child("body", xmpp::ns::client).text()});
}

void ArchiveReader::on_answer(std::uint32_t client, const xmpp::Stanza& iq, Micros now) {
  const auto reading = running_.find(client);
  if (reading == running_.end() || iq.id() != reading->second.query) return;
  if (iq.type() == "result") {
    return take_page(client, reading->second, iq.root().child("fin", xmpp::ns::archive), now);
  }
  last_error_ = condition_of(iq.root().child("error", xmpp::ns::client));
  reading->second.ask_at = now + retry_after;
}

void ArchiveReader::take_page(std::uint32_t client, Reading& reading, const xmpp::Element& fin,
                              Micros now) {
  for (const Entry& entry : reading.page) {
    entries_ += reading.audit.on_entry(entry.id, entry.from, entry.body, now) ? 1 : 0;
  }
  const std::string last =
      fin.child("set", xmpp::ns::result_set).child("last", xmpp::ns::result_set).text();
  if (fin.attr("complete") == "true" || last.empty()) {
    reading.audit.on_end(now);
    ++done_;
    running_.erase(client);
    return;
  }
  reading.after = last;
  reading.tries = 0;
  ask(client, reading, now);
}

}  // namespace loadgen
