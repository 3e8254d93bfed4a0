#define TOML_EXCEPTIONS 0
// toml++ 3.3 asserts in parse_key() what only the file decides: `[=]` would end the process. The
// parser's own check behind it gives the error (found by config_fuzz).
#define TOML_ASSERT(expression) static_assert(true)
#include <toml++/toml.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "server/config/sources.h"
#include "server/config/suggest.h"
#include "server/config/toml_text.h"

namespace server {
namespace {

constexpr std::size_t file_bytes_max =
    1024 * 1024;                                // A configuration is a page; this is a mistake.
constexpr std::size_t excerpt_bytes_max = 160;  // Longer lines would wrap under the carets.

/// The lines of the file, for excerpts.
class Lines {
 public:
  Lines(std::string file, const std::string& text) : file_(std::move(file)) {
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
      if (line.ends_with('\r')) line.pop_back();
      lines_.push_back(line);
    }
  }

  /// A fault that points at `region`, still without words.
  ConfigFault fault_at(const toml::source_region& region) const {
    ConfigFault fault = fault_at(TextPlace{std::max<std::uint32_t>(region.begin.line, 1),
                                           std::max<std::uint32_t>(region.begin.column, 1)});
    const bool is_one_line =
        region.end.line == region.begin.line && region.end.column > region.begin.column;
    if (is_one_line) fault.width = region.end.column - region.begin.column;
    return fault;
  }

  /// The same for one character.
  ConfigFault fault_at(TextPlace place) const {
    ConfigFault fault;
    fault.file = file_;
    fault.line = place.line;
    fault.column = place.column;
    fault.width = 1;
    if (fault.line <= lines_.size() && lines_[fault.line - 1].size() <= excerpt_bytes_max) {
      fault.excerpt = lines_[fault.line - 1];
    }
    return fault;
  }

 private:
  std::string file_;
  std::vector<std::string> lines_;
};

/// A scalar or a list of strings; nullopt for what no option can be.
std::optional<RawValue> raw_value(const toml::node& node) {
  if (const auto text = node.as_string()) return RawValue(text->get());
  if (const auto number = node.as_integer()) return RawValue(number->get());
  if (const auto truth = node.as_boolean()) return RawValue(truth->get());
  if (const toml::array* array = node.as_array()) {
    std::vector<std::string> words;
    for (const toml::node& element : *array) {
      if (!element.is_string()) return std::nullopt;
      words.push_back(element.as_string()->get());
    }
    return RawValue(words);
  }
  return std::nullopt;
}

std::optional<Wrong> expand_all(RawValue& value, const Lookup& lookup) {
  const auto expand_one = [&](std::string& text) -> std::optional<Wrong> {
    const auto expanded = expand(text, lookup);
    if (expanded.has_error()) return expanded.error();
    text = *expanded;
    return std::nullopt;
  };
  if (auto* text = std::get_if<std::string>(&value)) return expand_one(*text);
  if (auto* words = std::get_if<std::vector<std::string>>(&value)) {
    for (std::string& word : *words) {
      if (std::optional<Wrong> wrong = expand_one(word)) return wrong;
    }
  }
  return std::nullopt;
}

class Reader {
 public:
  Reader(const Lines& lines, const Lookup& lookup) : lines_(lines), lookup_(lookup) {}

  Source read(const toml::table& top) {
    for (const auto& [key, node] : top) {
      if (find_option("", key.str())) {
        read_value("", key, node);
      } else if (!is_section(key.str())) {
        unknown("", key, top_level_names());
      } else if (const toml::table* section = node.as_table()) {
        read_section(key.str(), *section);
      } else {
        ConfigFault fault = lines_.fault_at(node.source());
        fault.message = std::string(key.str()) + " is a section, not a value";
        fault.fix = "put its keys under [" + std::string(key.str()) + "]";
        source_.faults.push_back(std::move(fault));
      }
    }
    return std::move(source_);
  }

 private:
  void read_section(std::string_view section, const toml::table& table) {
    for (const auto& [key, node] : table) {
      if (find_option(section, key.str())) {
        read_value(section, key, node);
      } else {
        unknown(section, key, names_in(section));
      }
    }
  }

  void read_value(std::string_view section, const toml::key& key, const toml::node& node) {
    const Option& option = *find_option(section, key.str());
    ConfigFault place = lines_.fault_at(node.source());
    place.key = option.title();
    std::optional<RawValue> value = raw_value(node);
    std::optional<Wrong> wrong;
    if (!value) {
      wrong = Wrong{"must be a " + std::string(option.form), ""};
    } else {
      wrong = expand_all(*value, lookup_);
    }
    if (wrong) {
      place.message = option.title() + ": " + wrong->message;
      place.fix = wrong->fix;
      source_.faults.push_back(std::move(place));
      return;
    }
    source_.values.emplace(option.name(), Given{std::move(*value), std::move(place)});
  }

  void unknown(std::string_view section, const toml::key& key,
               const std::vector<std::string>& names) {
    ConfigFault fault = lines_.fault_at(key.source());
    fault.excerpt.clear();  // The message shows the word already.
    const std::string near = suggest(key.str(), names);
    fault.message = (section.empty() ? "" : "[" + std::string(section) + "] ") + "unknown key `" +
                    std::string(key.str()) + "`" +
                    (near.empty() ? "" : "; did you mean `" + near + "`?");
    source_.faults.push_back(std::move(fault));
  }

  static bool is_section(std::string_view name) {
    for (const Option& option : option_table()) {
      if (option.section == name && !name.empty()) return true;
    }
    return false;
  }

  static std::vector<std::string> names_in(std::string_view section) {
    std::vector<std::string> names;
    for (const Option& option : option_table()) {
      if (option.section == section) names.emplace_back(option.key);
    }
    return names;
  }

  static std::vector<std::string> top_level_names() {
    std::vector<std::string> names = names_in("");
    for (const Option& option : option_table()) {
      if (!option.section.empty()) names.emplace_back(option.section);
    }
    return names;
  }

  const Lines& lines_;
  const Lookup& lookup_;
  Source source_;
};

Source unreadable(const std::string& path, std::string reason) {
  Source source;
  ConfigFault fault;
  fault.file = path;
  fault.message = "cannot be read: " + std::move(reason);
  source.faults.push_back(std::move(fault));
  return source;
}

}  // namespace

Parsed<std::string> expand(const std::string& text, const Lookup& lookup) {
  std::string expanded;
  for (std::size_t at = 0; at < text.size();) {
    if (text.compare(at, 3, "$${") == 0) {
      expanded += "${";
      at += 3;
    } else if (text.compare(at, 2, "${") == 0) {
      const std::size_t end = text.find('}', at);
      if (end == std::string::npos) return Wrong{"`${` without `}`", "`$${` stands for itself"};
      const std::string name = text.substr(at + 2, end - at - 2);
      const std::optional<std::string> value = lookup(name);
      if (!value) return Wrong{"`${" + name + "}` is not in the environment", "set " + name};
      expanded += *value;
      at = end + 1;
    } else {
      expanded += text[at++];
    }
  }
  return expanded;
}

Source read_toml(const std::string& path, const Lookup& lookup) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return unreadable(path, std::strerror(errno));
  std::string text(file_bytes_max + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (file.fail() && !file.eof())) return unreadable(path, std::strerror(errno));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > file_bytes_max) return unreadable(path, "longer than 1 MiB");
  const Lines lines(path, text);
  const auto not_toml = [](ConfigFault fault, std::string_view why) {
    fault.message = "not TOML: " + std::string(why);
    fault.fix = "see https://toml.io for the syntax; nothing after this line was read";
    Source source;
    source.faults.push_back(std::move(fault));
    return source;
  };
  if (const auto bare = bare_beyond_ascii(text)) {
    return not_toml(lines.fault_at(*bare), "a character that only stands in quotes");
  }
  const toml::parse_result parsed = toml::parse(text, path);
  if (!parsed) {
    return not_toml(lines.fault_at(parsed.error().source()), parsed.error().description());
  }
  return Reader(lines, lookup).read(parsed.table());
}

}  // namespace server
