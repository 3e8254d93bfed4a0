#include "server/ctl/commands.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <thread>

#include "server/ctl/render.h"

namespace server::ctl {
namespace {

namespace json = boost::json;

const json::object* object_in(const Answer& answer) { return answer.body.if_object(); }

std::string string_in(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->as_string()) : std::string();
}

json::object* node_named(json::object& status, std::string_view name) {
  json::value* nodes = status.if_contains("nodes");
  if (!nodes || !nodes->is_array()) return nullptr;
  for (json::value& node : nodes->as_array()) {
    if (node.is_object() && string_in(node.as_object(), "name") == name) return &node.as_object();
  }
  return nullptr;
}

const json::object* drain_in(const json::object& status) {
  const json::value* drain = status.if_contains("drain");
  return drain ? drain->if_object() : nullptr;
}

double sessions_left(const json::object& drain) {
  const auto number = [&](std::string_view key) {
    const json::value* value = drain.if_contains(key);
    return value && value->is_number() ? value->to_number<double>() : 0;
  };
  return number("sessions_total") - number("sessions_moved");
}

}  // namespace

Commands::View Commands::look() {
  View view;
  for (const Client& node : nodes_) {
    const auto answer = node.request("GET", "/api/v1/status");
    if (answer.has_error()) {
      view.silent.push_back(to_string(node.admin()) + " (" + answer.error().reason + ")");
      continue;
    }
    const json::object* status = object_in(*answer);
    if (!answer->is_success() || !status) {
      terminal_.err << "meerkatctl: " << to_string(node.admin()) << ": " << answer->error() << "\n";
      view.failure = check_failed;
      continue;
    }
    if (!view.has_answer) {
      view.status = *status;
      view.has_answer = true;
      continue;
    }
    // Each node knows itself best.
    json::object own = *status;
    const std::string name = string_in(own, "self");
    json::object* theirs = node_named(own, name);
    json::object* ours = node_named(view.status, name);
    if (theirs && ours) *ours = *theirs;
    if (drain_in(own) && !drain_in(view.status)) view.status["drain"] = *drain_in(own);
  }
  return view;
}

ExitCode Commands::tell_silent(const View& view) {
  for (const std::string& silent : view.silent) {
    terminal_.err << "meerkatctl: no answer from " << silent << "\n";
  }
  return view.has_answer ? done : view.failure;
}

boost::system::result<Answer, Commands::Refused> Commands::ask(const Client& node,
                                                               const std::string& method,
                                                               const std::string& target,
                                                               const json::value& body) {
  auto answer = node.request(method, target, body);
  if (answer.has_error()) {
    terminal_.err << "meerkatctl: no answer from " << to_string(node.admin()) << " ("
                  << answer.error().reason << ")\n";
    return Refused{no_answer};
  }
  if (!answer->is_success()) {
    terminal_.err << "meerkatctl: " << answer->error() << "\n";
    return Refused{check_failed};
  }
  return std::move(*answer);
}

/// The first node that answers at all decides: asking the next after a refusal could do it twice.
boost::system::result<Answer, Commands::Refused> Commands::ask_any(const std::string& method,
                                                                   const std::string& target,
                                                                   const json::value& body) {
  boost::system::result<Answer, Refused> outcome = Refused{no_answer};
  for (const Client& node : nodes_) {
    outcome = ask(node, method, target, body);
    if (outcome.has_value() || outcome.error().code != no_answer) return outcome;
  }
  return outcome;
}

ExitCode Commands::status() {
  const View view = look();
  const ExitCode answered = tell_silent(view);
  if (answered != done) return answered;
  if (terminal_.is_json) {
    terminal_.out << json::serialize(view.status) << "\n";
  } else {
    terminal_.out << summary(view.status) << node_table(view.status);
    if (const json::object* drain = drain_in(view.status)) {
      terminal_.out << "drain of " << string_in(*drain, "node") << ": " << drain_line(*drain)
                    << "\n";
    }
  }
  return is_healthy(view.status) ? done : unhealthy;
}

ExitCode Commands::nodes() {
  const View view = look();
  const ExitCode answered = tell_silent(view);
  if (answered != done) return answered;
  if (terminal_.is_json) {
    terminal_.out << json::serialize(view.status.at("nodes")) << "\n";
  } else {
    terminal_.out << node_table(view.status);
  }
  return done;
}

ExitCode Commands::events(std::uint64_t after) {
  const auto answer = ask_any("GET", "/api/v1/events?after=" + std::to_string(after));
  if (answer.has_error()) return answer.error().code;
  if (terminal_.is_json) {
    terminal_.out << json::serialize(answer->body) << "\n";
    return done;
  }
  const json::object* body = object_in(*answer);
  const json::value* events = body ? body->if_contains("events") : nullptr;
  if (!events || !events->is_array()) return done;
  for (const json::value& event : events->as_array()) {
    if (!event.is_object()) continue;
    terminal_.out << string_in(event.as_object(), "time") << "  "
                  << string_in(event.as_object(), "text") << "\n";
  }
  return done;
}

ExitCode Commands::add_user(const std::string& jid, const Secret& password) {
  const auto answer =
      ask_any("POST", "/api/v1/users", json::object{{"jid", jid}, {"password", password.reveal()}});
  if (answer.has_error()) return answer.error().code;
  terminal_.out << "added " << jid << "\n";
  return done;
}

ExitCode Commands::set_password(const std::string& jid, const Secret& password) {
  const auto answer = ask_any("PUT", "/api/v1/users/" + encode_segment(jid) + "/password",
                              json::object{{"password", password.reveal()}});
  if (answer.has_error()) return answer.error().code;
  terminal_.out << "new password for " << jid << "\n";
  return done;
}

ExitCode Commands::remove_user(const std::string& jid) {
  const auto answer = ask_any("DELETE", "/api/v1/users/" + encode_segment(jid));
  if (answer.has_error()) return answer.error().code;
  terminal_.out << "removed " << jid << "\n";
  return done;
}

ExitCode Commands::list_users(const std::string& domain) {
  json::array all;
  std::string after;
  while (true) {
    const auto answer = ask_any("GET", "/api/v1/users?domain=" + encode_segment(domain) +
                                           "&after=" + encode_segment(after));
    if (answer.has_error()) return answer.error().code;
    const json::object* body = object_in(*answer);
    const json::value* users = body ? body->if_contains("users") : nullptr;
    if (!users || !users->is_array()) break;
    for (const json::value& user : users->as_array()) {
      if (!user.is_string()) continue;
      if (terminal_.is_json) all.push_back(user);
      if (!terminal_.is_json) terminal_.out << std::string_view(user.as_string()) << "\n";
      after = std::string(user.as_string());
      after.resize(std::min(after.find('@'), after.size()));
    }
    const json::value* more = body->if_contains("has_more");
    const bool has_more = more && more->is_bool() && more->as_bool();
    if (!has_more || users->as_array().empty()) break;
  }
  if (terminal_.is_json) terminal_.out << json::serialize(all) << "\n";
  return done;
}

/// Which of the given addresses is the node of that name, and how it is then called there. A node
/// with no known address is named to the first that answers.
std::pair<const Client*, std::string> Commands::find_node(const std::string& name) {
  const Client* any = nullptr;
  for (const Client& node : nodes_) {
    const auto answer = node.request("GET", "/api/v1/status");
    if (answer.has_error() || !answer->is_success()) continue;
    if (!any) any = &node;
    const json::object* status = object_in(*answer);
    if (status && (name == "self" || string_in(*status, "self") == name)) return {&node, "self"};
  }
  return {any ? any : &nodes_.front(), name};
}

ExitCode Commands::cordon(const std::string& name, bool on) {
  const auto [node, called] = find_node(name);
  const std::string verb = on ? "cordon" : "uncordon";
  const auto answer = ask(*node, "POST", "/api/v1/nodes/" + encode_segment(called) + "/" + verb);
  if (answer.has_error()) return answer.error().code;
  terminal_.out << name << (on ? " takes no new sessions" : " takes new sessions again") << "\n";
  return done;
}

ExitCode Commands::drain(const Drain& drain) {
  const auto [node, called] = find_node(drain.node);
  json::object body;
  if (!drain.rate.empty()) body["rate"] = drain.rate;
  if (!drain.deadline.empty()) body["deadline"] = drain.deadline;
  const auto answer =
      ask(*node, "POST", "/api/v1/nodes/" + encode_segment(called) + "/drain", body);
  if (answer.has_error()) return answer.error().code;
  if (drain.follows && called == "self") return follow(*node);
  terminal_.out << "the drain of " << drain.node << " has begun\n";
  return done;
}

/// Shows each phase when it is over, until the node no longer answers: that is how a drain ends.
ExitCode Commands::follow(const Client& node) {
  constexpr auto interval = std::chrono::milliseconds(250);
  std::string phase, line;
  double left = 0;
  while (true) {
    const auto answer = node.request("GET", "/api/v1/status");
    if (answer.has_error()) break;
    const json::object* status = object_in(*answer);
    const json::object* drain = status ? drain_in(*status) : nullptr;
    if (!drain) {
      terminal_.err << "meerkatctl: the drain was stopped\n";
      return check_failed;
    }
    const std::string now = string_in(*drain, "phase");
    if (terminal_.is_interactive) terminal_.out << "\r\x1b[K";
    if (!line.empty() && now != phase) terminal_.out << line << "  done\n";
    phase = now;
    line = drain_line(*drain);
    left = sessions_left(*drain);
    if (terminal_.is_interactive) terminal_.out << line << std::flush;
    std::this_thread::sleep_for(interval);
  }
  if (terminal_.is_interactive) terminal_.out << "\r\x1b[K";
  if (!line.empty() && phase != "exit") terminal_.out << line << "  done\n";
  terminal_.out << "4 exit      left behind: " << grouped(static_cast<std::uint64_t>(left)) << "\n";
  return left > 0 ? timed_out : done;
}

ExitCode Commands::wait(const std::string& condition, std::chrono::milliseconds timeout) {
  constexpr auto interval = std::chrono::milliseconds(200);
  std::size_t wanted = 0;
  const bool is_joined = condition.starts_with("joined=");
  if (is_joined) {
    const std::string_view digits = std::string_view(condition).substr(7);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), wanted);
    if (error != std::errc{} || end != digits.data() + digits.size() || wanted == 0) {
      terminal_.err << "meerkatctl: joined=" << digits << " is not a number of nodes\n";
      return bad_command_line;
    }
  } else if (condition != "ready" && condition != "drained") {
    terminal_.err << "meerkatctl: cannot wait for `" << condition
                  << "`; it is joined=N, ready or drained\n";
    return bad_command_line;
  }
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::string seen = "nothing";
  while (true) {
    std::size_t healthy = 0, ready = 0;
    bool has_answer = false;
    for (const Client& node : nodes_) {
      const auto answer = node.request("GET", "/api/v1/status");
      if (answer.has_error() || !object_in(*answer) || !answer->is_success()) continue;
      has_answer = true;
      std::size_t here = 0;
      json::object status = *object_in(*answer);
      for (const json::value& value : status.at("nodes").as_array()) {
        if (is_node_healthy(value.as_object())) ++here;
      }
      healthy = std::max(healthy, here);
      const json::object* self = node_named(status, string_in(status, "self"));
      if (self && string_in(*self, "state") == "ready" && is_node_healthy(*self)) ++ready;
    }
    seen = has_answer ? std::to_string(healthy) + " joined, " + std::to_string(ready) + " ready"
                      : "no answer";
    const bool is_met = is_joined                ? healthy >= wanted
                        : condition == "drained" ? !has_answer
                                                 : ready == nodes_.size();
    if (is_met) {
      terminal_.out << seen << "\n";
      return done;
    }
    if (std::chrono::steady_clock::now() >= deadline) break;
    std::this_thread::sleep_for(interval);
  }
  terminal_.err << "meerkatctl: not " << condition << " in time: " << seen << "\n";
  return timed_out;
}

}  // namespace server::ctl
