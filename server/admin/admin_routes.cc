#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <initializer_list>

#include "server/admin/dispatcher.h"
#include "server/admin/flat_json.h"
#include "server/admin/status_json.h"
#include "server/config/quantity.h"
#include "server/log/log.h"

namespace server {
namespace {

namespace json = boost::json;

constexpr std::size_t users_page_max = 1000;
constexpr std::size_t password_bytes_max = 1023;  // RFC 4616; hardening, Limits.

HttpReply json_reply(unsigned status, const json::value& value) {
  return {status, "application/json", json::serialize(value), {}};
}

unsigned status_of(ControlErrc code) {
  switch (code) {
    case ControlErrc::invalid:
      return 400;
    case ControlErrc::not_found:
      return 404;
    case ControlErrc::conflict:
      return 409;
    case ControlErrc::not_supported:
      return 501;
    case ControlErrc::unavailable:
      return 503;
  }
  return 500;
}

HttpReply refusal(const ControlError& error) {
  return error_reply(status_of(error.code), error.text);
}

/// Refuses a parameter that the route does not know: a misspelt one must not mean "all".
std::optional<HttpReply> unknown_parameter(const HttpRequest& request,
                                           std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : request.query) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return error_reply(400, "unknown parameter `" + key + "`");
    }
  }
  return std::nullopt;
}

/// The body's strings, all of them known; an empty body is an empty object.
boost::system::result<FlatObject, HttpReply> read_body(
    const HttpRequest& request, std::initializer_list<std::string_view> known) {
  if (request.body.empty()) return FlatObject();
  auto parsed = parse_flat_json(request.body);
  if (parsed.has_error()) return error_reply(400, parsed.error());
  for (const auto& [key, value] : *parsed) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return error_reply(400, "unknown field `" + key + "`");
    }
    if (!std::holds_alternative<std::string>(value)) {
      return error_reply(400, "`" + key + "` must be a string");
    }
  }
  return std::move(*parsed);
}

std::optional<std::string> string_of(const FlatObject& object, const std::string& key) {
  const auto at = object.find(key);
  if (at == object.end()) return std::nullopt;
  return std::get<std::string>(at->second);
}

boost::system::result<Secret, HttpReply> password_of(const FlatObject& body) {
  const std::optional<std::string> password = string_of(body, "password");
  if (!password || password->empty()) return error_reply(400, "`password` is missing");
  if (password->size() > password_bytes_max) {
    return error_reply(400, "the password is longer than 1,023 bytes");
  }
  return Secret(*password);
}

/// Answers, and leaves an audit line when something has changed (hardening H11).
ControlDone<void> audited(const Operator& by, std::string event, std::string subject,
                          unsigned status, std::string body, Respond respond) {
  return [=](ControlResult<void> result) {
    if (result.has_error()) return respond(refusal(result.error()));
    log::event(log::Level::info, "admin", event, {{"by", by.name()}, {"subject", subject}});
    respond({status, "application/json", body, {}});
  };
}

void status(const Served& served, const Operator&, const HttpRequest& request, Respond respond) {
  if (auto refused = unknown_parameter(request, {})) return respond(*refused);
  respond(json_reply(200, to_json(served.control.status())));
}

void events(const Served& served, const Operator&, const HttpRequest& request, Respond respond) {
  if (auto refused = unknown_parameter(request, {"after"})) return respond(*refused);
  std::uint64_t after = 0;
  if (const auto at = request.query.find("after"); at != request.query.end()) {
    const std::string& text = at->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), after);
    if (error != std::errc{} || end != text.data() + text.size()) {
      return respond(error_reply(400, "`after` must be the number of an event"));
    }
  }
  json::array list;
  for (const NodeEvent& event : served.control.events(after)) list.push_back(to_json(event));
  respond(json_reply(200, json::object{{"events", std::move(list)}}));
}

void list_users(const Served& served, const Operator&, const HttpRequest& request,
                Respond respond) {
  if (auto refused = unknown_parameter(request, {"domain", "after", "limit"})) {
    return respond(*refused);
  }
  const auto parameter = [&](const std::string& key) {
    const auto at = request.query.find(key);
    return at == request.query.end() ? std::string() : at->second;
  };
  std::size_t limit = users_page_max;
  if (const std::string text = parameter("limit"); !text.empty()) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
    if (error != std::errc{} || end != text.data() + text.size() || limit < 1 ||
        limit > users_page_max) {
      return respond(error_reply(400, "`limit` must be from 1 to 1000"));
    }
  }
  served.control.list_users(
      parameter("domain"), parameter("after"), limit, [respond](ControlResult<UserPage> page) {
        if (page.has_error()) return respond(refusal(page.error()));
        json::array users(page->users.begin(), page->users.end());
        respond(json_reply(
            200, json::object{{"users", std::move(users)}, {"has_more", page->has_more}}));
      });
}

void add_user(const Served& served, const Operator& by, const HttpRequest& request,
              Respond respond) {
  const auto body = read_body(request, {"jid", "password"});
  if (body.has_error()) return respond(body.error());
  const std::optional<std::string> jid = string_of(*body, "jid");
  if (!jid || jid->empty()) return respond(error_reply(400, "`jid` is missing"));
  auto password = password_of(*body);
  if (password.has_error()) return respond(password.error());
  served.control.add_user(
      *jid, std::move(*password),
      audited(by, "user_added", *jid, 201, json::serialize(json::object{{"jid", *jid}}), respond));
}

void set_password(const Served& served, const Operator& by, const HttpRequest& request,
                  Respond respond) {
  const auto body = read_body(request, {"password"});
  if (body.has_error()) return respond(body.error());
  auto password = password_of(*body);
  if (password.has_error()) return respond(password.error());
  const std::string& jid = request.placeholders[0];
  served.control.set_password(jid, std::move(*password),
                              audited(by, "password_set", jid, 200, "{}", respond));
}

void remove_user(const Served& served, const Operator& by, const HttpRequest& request,
                 Respond respond) {
  const std::string& jid = request.placeholders[0];
  served.control.remove_user(jid, audited(by, "user_removed", jid, 200, "{}", respond));
}

void drain(const Served& served, const Operator& by, const HttpRequest& request, Respond respond) {
  const auto body = read_body(request, {"rate", "deadline"});
  if (body.has_error()) return respond(body.error());
  DrainOptions options;
  if (const auto rate = string_of(*body, "rate")) {
    const auto parsed = parse_rate(*rate);
    if (parsed.has_error()) return respond(error_reply(400, "rate: " + parsed.error().message));
    if (parsed->per_second <= 0) return respond(error_reply(400, "rate: must be above 0"));
    options.rate = *parsed;
  }
  if (const auto deadline = string_of(*body, "deadline")) {
    const auto parsed = parse_duration(*deadline);
    if (parsed.has_error()) return respond(error_reply(400, "deadline: " + parsed.error().message));
    options.deadline = *parsed;
  }
  const std::string& node = request.placeholders[0];
  const json::object job = {{"node", node}, {"follow", "/api/v1/status"}};
  served.control.drain(node, options,
                       audited(by, "drain_asked", node, 202, json::serialize(job), respond));
}

void cordon(const Served& served, const Operator& by, const HttpRequest& request, Respond respond) {
  const std::string& node = request.placeholders[0];
  served.control.cordon(node, true, audited(by, "cordoned", node, 200, "{}", respond));
}

void uncordon(const Served& served, const Operator& by, const HttpRequest& request,
              Respond respond) {
  const std::string& node = request.placeholders[0];
  served.control.cordon(node, false, audited(by, "uncordoned", node, 200, "{}", respond));
}

}  // namespace

std::vector<Route> admin_routes() {
  return {{"GET", "/api/v1/status", status},
          {"GET", "/api/v1/events", events},
          {"GET", "/api/v1/users", list_users},
          {"POST", "/api/v1/users", add_user},
          {"PUT", "/api/v1/users/{jid}/password", set_password},
          {"DELETE", "/api/v1/users/{jid}", remove_user},
          {"POST", "/api/v1/nodes/{name}/drain", drain},
          {"POST", "/api/v1/nodes/{name}/cordon", cordon},
          {"POST", "/api/v1/nodes/{name}/uncordon", uncordon}};
}

}  // namespace server
