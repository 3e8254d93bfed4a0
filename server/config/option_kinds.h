#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "server/config/option.h"
#include "server/config/suggest.h"

// The kinds of options: how each reads, checks and writes a value. `Field` maps a Draft, const or
// not, to the member that the option sets.

namespace server::option_kinds {

using std::chrono::milliseconds;

/// The text of a value that is written as a string; a flag's or the file's.
inline const std::string* text_of(const RawValue& raw) { return std::get_if<std::string>(&raw); }

inline Wrong not_a(std::string_view form, std::string fix) {
  return {"must be a " + std::string(form), std::move(fix)};
}

/// What all kinds of options share.
inline Option option(std::string_view section, std::string_view key, std::string_view form,
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
    field(draft) = static_cast<std::decay_t<decltype(field(draft))>>(*parsed);
    return std::nullopt;
  };
  return made;
}

template <class Field>
Option duration(std::string_view section, std::string_view key, Field field,
                std::string_view effect, milliseconds least = milliseconds(1),
                milliseconds most = milliseconds(86'400'000)) {
  const auto format = [](milliseconds value) { return to_text(value); };
  Option made =
      bounded(option(section, key, "duration", effect), field, parse_duration, format, least, most);
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

/// A port, or 0, which `effect` explains.
template <class Field>
Option port(std::string_view section, std::string_view key, Field field, std::string_view effect) {
  const auto format = [](std::uint64_t value) { return std::to_string(value); };
  Option made = bounded(option(section, key, "port", effect), field, parse_count, format,
                        std::uint64_t{0}, std::uint64_t{65'535});
  made.get = [field](const Draft& draft) { return std::to_string(field(draft)); };
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

}  // namespace server::option_kinds
