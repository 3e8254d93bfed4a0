#include "server/config/option_table.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdio>
#include <utility>

#include "server/config/suggest.h"

namespace server {
namespace {

using std::chrono::milliseconds;

/// The text of a value that is written as a string; a flag's or the file's.
const std::string* text_of(const RawValue& raw) { return std::get_if<std::string>(&raw); }

Wrong not_a(std::string_view form, std::string fix) {
  return {"must be a " + std::string(form), std::move(fix)};
}

/// What all kinds of options share. `Field` maps a Draft, const or not, to the member.
Option option(std::string_view section, std::string_view key, std::string_view form,
              std::string_view effect) {
  Option made;
  made.section = section;
  made.key = key;
  made.form = form;
  made.effect = effect;
  return made;
}

template <class Field>
Option text(std::string_view section, std::string_view key, Field field, std::string_view effect) {
  Option made = option(section, key, "text", effect);
  made.set = [field](Draft& draft, const RawValue& raw) -> std::optional<Wrong> {
    if (!text_of(raw)) return not_a("string", "put it in double quotes");
    field(draft) = *text_of(raw);
    return std::nullopt;
  };
  made.get = [field](const Draft& draft) { return toml_string(field(draft)); };
  return made;
}

template <class Field>
Option path(std::string_view section, std::string_view key, Field field, std::string_view effect) {
  Option made = text(section, key, field, effect);
  made.form = "path";
  made.is_path = true;
  return made;
}

/// A text that `check` refuses with a reason.
template <class Field, class Check>
Option checked(std::string_view section, std::string_view key, Field field, Check check,
               std::string_view effect) {
  Option made = text(section, key, field, effect);
  made.set = [set = made.set, check](Draft& draft, const RawValue& raw) -> std::optional<Wrong> {
    if (const std::string* value = text_of(raw)) {
      if (std::optional<Wrong> wrong = check(*value)) return wrong;
    }
    return set(draft, raw);
  };
  return made;
}

template <class Field>
Option boolean(std::string_view section, std::string_view key, Field field,
               std::string_view effect) {
  Option made = option(section, key, "boolean", effect);
  made.set = [field](Draft& draft, const RawValue& raw) -> std::optional<Wrong> {
    const std::string* text = text_of(raw);
    if (const bool* value = std::get_if<bool>(&raw)) {
      field(draft) = *value;
    } else if (text && (*text == "true" || *text == "false")) {
      field(draft) = *text == "true";
    } else {
      return not_a("boolean", "true or false, without quotes");
    }
    return std::nullopt;
  };
  made.get = [field](const Draft& draft) { return field(draft) ? "true" : "false"; };
  return made;
}

/// Reads a number of some kind and holds it to its bounds, named as a person writes them.
template <class Field, class Parse, class Format, class T>
Option bounded(Option made, Field field, Parse parse, Format format, T least, T most) {
  made.set = [=, form = made.form](Draft& draft, const RawValue& raw) -> std::optional<Wrong> {
    std::string written;
    if (const std::string* value = text_of(raw)) {
      written = *value;
    } else if (const std::int64_t* number = std::get_if<std::int64_t>(&raw)) {
      written = std::to_string(*number);
    } else {
      return not_a(form, "such as \"" + format(least) + "\"");
    }
    const auto parsed = parse(written);
    if (parsed.has_error()) return parsed.error();
    const std::string range = "from " + format(least) + " to " + format(most);
    if (*parsed < least) return Wrong{written + " is below " + format(least), range};
    if (*parsed > most) return Wrong{written + " is above " + format(most), range};
    field(draft) = *parsed;
    return std::nullopt;
  };
  return made;
}

template <class Field>
Option duration(std::string_view section, std::string_view key, Field field,
                std::string_view effect, milliseconds least = milliseconds(1)) {
  const auto format = [](milliseconds value) { return to_text(value); };
  Option made = bounded(option(section, key, "duration", effect), field, parse_duration, format,
                        least, milliseconds(86'400'000));
  made.get = [field](const Draft& draft) { return toml_string(to_text(field(draft))); };
  return made;
}

template <class Field>
Option bytes(std::string_view section, std::string_view key, Field field, std::uint64_t least,
             std::string_view effect) {
  Option made = bounded(option(section, key, "bytes", effect), field, parse_bytes, bytes_to_text,
                        least, std::uint64_t{1} << 30);
  made.get = [field](const Draft& draft) { return toml_string(bytes_to_text(field(draft))); };
  return made;
}

template <class Field>
Option count(std::string_view section, std::string_view key, Field field, std::uint64_t least,
             std::uint64_t most, std::string_view effect) {
  Option made = bounded(option(section, key, "count", effect), field, parse_count, count_to_text,
                        least, most);
  made.get = [field](const Draft& draft) {
    const std::string written = count_to_text(field(draft));
    const bool has_unit = written.find_first_not_of("0123456789") != std::string::npos;
    return has_unit ? toml_string(written) : written;
  };
  return made;
}

template <class Field>
Option rate(std::string_view section, std::string_view key, Field field, std::string_view effect) {
  Option made = option(section, key, "rate", effect);
  made.set = [field](Draft& draft, const RawValue& raw) -> std::optional<Wrong> {
    if (!text_of(raw)) return not_a("rate", "such as \"500/s\", in quotes");
    const auto parsed = parse_rate(*text_of(raw));
    if (parsed.has_error()) return parsed.error();
    if (parsed->per_second <= 0) return Wrong{"must be above 0", "such as \"500/s\""};
    field(draft) = *parsed;
    return std::nullopt;
  };
  made.get = [field](const Draft& draft) { return toml_string(to_text(field(draft))); };
  return made;
}

template <class Field>
Option endpoint(std::string_view key, Field field, std::string_view note, std::string_view effect) {
  Option made = option("listen", key, "address", effect);
  made.set = [field, note](Draft& draft, const RawValue& raw) -> std::optional<Wrong> {
    if (!text_of(raw)) return not_a("string", "such as \"0.0.0.0:5222\", or \"off\"");
    if (*text_of(raw) == "off") {
      field(draft) = std::nullopt;
      return std::nullopt;
    }
    const auto parsed = parse_endpoint(*text_of(raw));
    if (parsed.has_error()) {
      Wrong wrong = parsed.error();
      if (wrong.message.starts_with("port")) wrong.fix += "; " + std::string(note);
      return wrong;
    }
    field(draft) = *parsed;
    return std::nullopt;
  };
  made.get = [field](const Draft& draft) {
    const std::optional<Endpoint>& value = field(draft);
    return toml_string(value ? to_string(*value) : "off");
  };
  return made;
}

template <class Enum, std::size_t size>
using Names = std::array<std::pair<std::string_view, Enum>, size>;

/// One of a fixed list of words.
template <class Enum, std::size_t size, class Field>
Option choice(std::string_view section, std::string_view key, Field field, Names<Enum, size> names,
              std::string_view effect) {
  Option made = option(section, key, "choice", effect);
  made.set = [=](Draft& draft, const RawValue& raw) -> std::optional<Wrong> {
    std::vector<std::string> words;
    for (const auto& [name, value] : names) words.emplace_back(name);
    std::string listed;
    for (const std::string& word : words) listed += (listed.empty() ? "" : ", ") + word;
    const std::string* text = text_of(raw);
    if (!text) return not_a("string", "one of " + listed);
    for (const auto& [name, value] : names) {
      if (name != *text) continue;
      field(draft) = value;
      return std::nullopt;
    }
    const std::string near = suggest(*text, words);
    const std::string hint = near.empty() ? "" : "; did you mean " + near + "?";
    return Wrong{"unknown value `" + *text + "`" + hint, "one of " + listed};
  };
  made.get = [=](const Draft& draft) {
    for (const auto& [name, value] : names) {
      if (value == field(draft)) return toml_string(name);
    }
    assert(false);  // Every value of the enum has a name.
    return std::string();
  };
  return made;
}

/// A list of words, each of which `check` may refuse. As a flag: with commas between them.
template <class Field, class Check>
Option list(std::string_view section, std::string_view key, Field field, Check check,
            std::string_view effect) {
  Option made = option(section, key, "list", effect);
  made.set = [=](Draft& draft, const RawValue& raw) -> std::optional<Wrong> {
    std::vector<std::string> words;
    if (const std::string* text = text_of(raw)) {
      for (std::size_t at = 0; at <= text->size();) {
        const std::size_t comma = std::min(text->find(',', at), text->size());
        words.push_back(text->substr(at, comma - at));
        at = comma + 1;
      }
    } else if (const auto* values = std::get_if<std::vector<std::string>>(&raw)) {
      words = *values;
    } else {
      return not_a("list", "strings between square brackets");
    }
    if (words.empty()) return Wrong{"must not be empty", ""};
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (std::optional<Wrong> wrong = check(words[i])) return wrong;
      if (std::find(words.begin(), words.begin() + i, words[i]) != words.begin() + i) {
        return Wrong{"\"" + words[i] + "\" is there twice", ""};
      }
    }
    field(draft) = std::move(words);
    return std::nullopt;
  };
  made.get = [field](const Draft& draft) {
    std::string joined;
    for (const std::string& word : field(draft)) {
      joined += (joined.empty() ? "" : ", ") + toml_string(word);
    }
    return "[" + joined + "]";
  };
  return made;
}

std::optional<Wrong> wrong_domain(const std::string& domain) {
  // Only what cannot be a domain at all: RFC 7622 preparation is the JID's.
  if (domain.empty()) return Wrong{"a domain must not be empty", ""};
  if (domain.size() > 1023) return Wrong{"a domain is longer than 1,023 bytes", ""};
  if (domain.find_first_of("@/ \t\r\n<>\"'&:") != std::string::npos) {
    return Wrong{"\"" + domain + "\" is not a domain", "a name such as \"example.org\""};
  }
  return std::nullopt;
}

std::optional<Wrong> wrong_mechanism(const std::string& name) {
  static const std::vector<std::string> known = C2sConfig().mechanisms;
  if (std::find(known.begin(), known.end(), name) != known.end()) return std::nullopt;
  std::string listed;
  for (const std::string& word : known) listed += (listed.empty() ? "" : ", ") + word;
  return Wrong{"unknown mechanism `" + name + "`", "any of " + listed};
}

/// Names stand in logs, metrics, the database and URLs.
std::optional<Wrong> wrong_name(const std::string& name) {
  constexpr std::string_view allowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  if (name.empty()) return Wrong{"must not be empty", ""};
  if (name.size() > 64) return Wrong{"is longer than 64 bytes", ""};
  if (name == "self") return Wrong{"`self` means the node that is asked", "another name"};
  if (name.find_first_not_of(allowed) != std::string::npos) {
    return Wrong{"\"" + name + "\" has other characters than letters, digits, `-`, `_` and `.`",
                 ""};
  }
  return std::nullopt;
}

constexpr Names<LogFormat, 2> log_formats = {
    {{"json", LogFormat::json}, {"text", LogFormat::text}}};
constexpr Names<LogLevel, 5> log_levels = {{{"trace", LogLevel::trace},
                                            {"debug", LogLevel::debug},
                                            {"info", LogLevel::info},
                                            {"warning", LogLevel::warning},
                                            {"error", LogLevel::error}}};
constexpr Names<DiscoveryBackend, 2> backends = {
    {{"mysql", DiscoveryBackend::mysql}, {"file", DiscoveryBackend::file}}};

// The member of a draft, const or not.
#define FIELD(member) [](auto& draft) -> auto& { return draft.member; }

std::vector<Option> make_table() {
  return {
      list("", "domains", FIELD(config.domains), wrong_domain,
           "the domains served here; the first is the main one"),
      count("", "loops", FIELD(config.loops), 0, 256,
            "event loops, each with a thread; 0 is one a core"),

      checked("node", "name", FIELD(config.node.name), wrong_name, "unique in the cluster"),
      text("node", "advertise", FIELD(config.node.advertise),
           "the address that peers dial; auto is the first private one"),
      checked("node", "cluster", FIELD(config.node.cluster), wrong_name,
              "tells clusters apart that share a database"),

      path("tls", "certificate", FIELD(config.tls.certificate),
           "PEM with the whole chain; without it the node makes its own"),
      path("tls", "key", FIELD(config.tls.key), "PEM, readable by this user only"),

      choice("log", "format", FIELD(config.log.format), log_formats, "json or text"),
      choice("log", "level", FIELD(config.log.level), log_levels,
             "trace, debug, info, warning or error"),

      endpoint("c2s", FIELD(config.listen.c2s), "clients expect 5222", "clients, with STARTTLS"),
      endpoint("c2s_tls", FIELD(config.listen.c2s_tls), "clients expect 5223",
               "clients, TLS from the first byte"),
      endpoint("websocket", FIELD(config.listen.websocket), "5280 is usual", "browsers (RFC 7395)"),
      endpoint("peers", FIELD(config.listen.peers), "5290 is usual", "the other nodes"),
      endpoint("health", FIELD(config.listen.health), "5299 is usual",
               "livez, readyz and metrics: no secrets, no login"),
      endpoint("admin", FIELD(config.listen.admin), "5298 is usual",
               "the API, with a token; a loopback address"),

      path("peers", "secret_file", FIELD(config.peers.secret_file),
           "the cluster's secret; without it the node refuses to have peers"),
      duration("peers", "silence_max", FIELD(config.peers.silence_max),
               "a peer silent for so long counts as unreachable"),
      duration("peers", "forget_after", FIELD(config.peers.forget_after),
               "after that its records are forgotten"),

      text("mysql", "url", FIELD(mysql.url),
           "mysql://user@host:port/database; without it users are in the embedded store"),
      path("mysql", "password_file", FIELD(mysql.password_file), "the password, in a file"),
      duration("mysql", "lease", FIELD(mysql.lease),
               "how long the node stays listed without a renewal; three may fail"),
      count("mysql", "connections", FIELD(mysql.connections), 1, 256,
            "connections for users and credentials"),
      duration("mysql", "timeout", FIELD(mysql.timeout), "to connect, and for a statement"),
      duration("mysql", "start_wait", FIELD(mysql.start_wait),
               "a database that is away at start is waited for; then the node ends with 69"),

      path("storage", "sqlite", FIELD(config.storage.sqlite),
           "the embedded store's file, used without [mysql]"),

      choice("discovery", "backend", FIELD(config.discovery.backend), backends,
             "mysql or file; without [mysql] and file the node stands alone"),
      path("discovery", "file", FIELD(config.discovery.file),
           "for the file back end: a node a line, read again when it changes"),

      count("limits", "sessions_max", FIELD(config.limits.sessions_max), 1, 10'000'000,
            "sessions on this node; past it resource-constraint"),
      bytes("limits", "send_queue_bytes_max", FIELD(config.limits.send_queue_bytes_max), 64 * 1024,
            "what waits for a slow client; past it the stream is closed"),
      // RFC 6120 §13.12: at least 10,000 bytes.
      bytes("limits", "stanza_bytes_max", FIELD(config.limits.stanza_bytes_max), 10'000,
            "a stanza from a client"),
      bytes("limits", "login_stanza_bytes_max", FIELD(config.limits.login_stanza_bytes_max), 10'000,
            "the same before login"),
      rate("limits", "login_rate", FIELD(config.limits.login_rate), "above it logins wait"),
      count("limits", "resources_max", FIELD(config.limits.resources_max), 1, 1'000,
            "sessions an account"),
      duration("limits", "login_timeout", FIELD(config.limits.login_timeout),
               "from accept to bound session"),
      duration("limits", "tls_handshake_timeout", FIELD(config.limits.tls_handshake_timeout),
               "for the TLS handshake"),
      duration("limits", "close_timeout", FIELD(config.limits.close_timeout),
               "for the client's end of the stream"),
      duration("limits", "write_timeout", FIELD(config.limits.write_timeout),
               "no progress in writing for so long ends the stream"),

      duration("drain", "notice", FIELD(config.drain.notice),
               "not ready for so long before the first stream ends", milliseconds(0)),
      rate("drain", "rate", FIELD(config.drain.rate), "streams ended in a second"),
      duration("drain", "deadline", FIELD(config.drain.deadline),
               "after the notice; then the process exits with 75"),

      boolean("c2s", "tls_required", FIELD(config.c2s.tls_required),
              "refuse logins before STARTTLS"),
      list("c2s", "mechanisms", FIELD(config.c2s.mechanisms), wrong_mechanism,
           "SASL mechanisms, in the order offered"),
      duration("c2s", "ping_interval", FIELD(config.c2s.ping_interval),
               "a client silent for so long is pinged; 0 never", milliseconds(0)),
      duration("c2s", "ping_timeout", FIELD(config.c2s.ping_timeout),
               "no answer for so long ends the session"),

      boolean("register", "enabled", FIELD(config.registration.enabled),
              "in-band registration (XEP-0077)"),

      path("admin", "token_file", FIELD(config.admin.token_file),
           "the admin API's token; made on first start if absent"),
  };
}
#undef FIELD

}  // namespace

std::string Option::name() const {
  return section.empty() ? std::string(key) : std::string(section) + "." + std::string(key);
}

std::string Option::flag() const {
  std::string flag = "--" + name();
  std::replace_if(
      flag.begin(), flag.end(), [](char c) { return c == '.' || c == '_'; }, '-');
  return flag;
}

std::string Option::title() const {
  return section.empty() ? std::string(key) : "[" + std::string(section) + "] " + std::string(key);
}

const std::vector<Option>& option_table() {
  static const std::vector<Option> table = make_table();
  return table;
}

const Option* find_option(std::string_view section, std::string_view key) {
  for (const Option& option : option_table()) {
    if (option.section == section && option.key == key) return &option;
  }
  return nullptr;
}

std::string toml_string(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {  // TOML 1.0, Basic strings.
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\u%04X", byte);
      quoted += escape;
      continue;
    }
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

}  // namespace server
