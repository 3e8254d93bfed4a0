#include <algorithm>
#include <sstream>

#include "server/config/load.h"
#include "server/config/option_table.h"

namespace server {
namespace {

/// Help and reference show the defaults as they are written, before any expansion.
std::string default_of(const Option& option) { return option.get(Draft()); }

/// So that it is read back as it is: `${` would be looked up in the environment.
std::string unexpanded(std::string value) {
  for (std::size_t at = 0; (at = value.find("${", at)) != std::string::npos; at += 3) {
    value.insert(at, "$");
  }
  return value;
}

std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string padded(const std::string& text, std::size_t width) {
  return text + std::string(width > width_of(text) ? width - width_of(text) : 0, ' ');
}

struct OwnFlag {
  const char* flag;
  const char* effect;
};

constexpr OwnFlag own_flags[] = {
    {"--config=FILE", "read this file; without one, serve localhost on an embedded store"},
    {"--check-config", "say what is wrong in file and flags, and exit: 0, or 78"},
    {"--print-config", "show each value and where it comes from, and exit"},
    {"--migrate=auto|only|never", "bring the database's schema up to date: yes; and exit; no"},
    {"--version", "show the version, and exit"},
    {"--help", "show this, and exit"},
};

}  // namespace

std::string LoadedConfig::print() const {
  Draft draft{config, config.mysql.value_or(MysqlConfig())};
  std::ostringstream out;
  std::string_view section;
  for (const Option& option : option_table()) {
    if (option.section == "mysql" && !config.mysql) continue;
    if (option.section != section) out << "\n[" << option.section << "]\n";
    section = option.section;
    const std::string line = std::string(option.key) + " = " + unexpanded(option.get(draft));
    out << padded(line, 40) << "  # " << origins.at(option.name()) << "\n";
  }
  return out.str();
}

std::string LoadedConfig::mysql_url_origin() const { return origins.at("mysql.url"); }

std::string config_help() {
  std::ostringstream out;
  out << "meerkatd: the Meerkat XMPP server\n\nUsage: meerkatd [--config=FILE] [--flag=value "
         "…]\n\n";
  for (const OwnFlag& flag : own_flags) {
    out << "  " << padded(flag.flag, 36) << flag.effect << "\n";
  }
  out << "\nEach key of the file is also a flag, which wins over the file:\n\n";
  for (const Option& option : option_table()) {
    const std::string form = option.form == "boolean" ? "" : "=" + std::string(option.form);
    out << "  " << padded(option.flag() + form, 36) << option.effect << " (" << default_of(option)
        << ")\n";
  }
  out << "\nExit status: 0 stopped clean, 69 database not reached at start, 70 broken invariant,\n"
         "75 drain deadline passed with sessions left, 78 bad configuration.\n";
  return out.str();
}

std::string config_reference() {
  std::ostringstream out;
  out << "# Configuration\n\n"
         "`meerkatd --config=meerkat.toml` reads one TOML file; every key is also a flag\n"
         "(`[listen] c2s` is `--listen-c2s=…`), and a flag wins over the file. Lists are given to "
         "a\n"
         "flag with commas. `--check-config` names every fault at once and exits with 78;\n"
         "`--print-config` shows each value with its origin and holds no secret.\n\n"
         "- Durations: `250ms`, `3s`, `5min`, `2h`, `1d`. Sizes: `64KiB`, `1MiB`. Counts: `200k`,\n"
         "  `1M`. Rates: `500/s`, `2k/s`, `30/min`. Addresses: `0.0.0.0:5222`, `[::]:5222`, or "
         "`off`.\n"
         "- `${NAME}` in a string of the file is the environment's value; `$${` stands for `${`.\n"
         "- Paths in the file are relative to the file, paths in flags to the working directory.\n"
         "- Secrets are files of one line that only their owner and group may read.\n"
         "- Only `domains` is required in a file. Without `[mysql]` a node stands alone, with its\n"
         "  users in an embedded SQLite file.\n\n"
         "This page is made from the table of options in `server/config/option_table.cc`, and a\n"
         "test holds it to that.\n";
  std::string_view section = "none";
  for (const Option& option : option_table()) {
    if (option.section != section) {
      out << "\n## "
          << (option.section.empty() ? "Top level" : "[" + std::string(option.section) + "]")
          << "\n\n| key | kind | default | effect |\n| --- | --- | --- | --- |\n";
    }
    section = option.section;
    out << "| `" << option.key << "` | " << option.form << " | `" << default_of(option) << "` | "
        << option.effect << " |\n";
  }
  return out.str();
}

}  // namespace server
