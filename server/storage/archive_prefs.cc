#include "server/storage/archive_prefs.h"

#include <algorithm>
#include <array>
#include <utility>

#include "xmpp/escape.h"
#include "xmpp/namespaces.h"
#include "xmpp/stanza.h"

namespace server {
namespace {

using Default = ArchivePrefs::Default;

constexpr std::array<std::pair<Default, std::string_view>, 3> names = {
    {{Default::always, "always"}, {Default::never, "never"}, {Default::roster, "roster"}}};

std::optional<std::vector<xmpp::Jid>> jids_in(xmpp::Element list) {
  std::vector<xmpp::Jid> jids;
  for (const xmpp::Element element : xmpp::children(list)) {
    auto jid = xmpp::Jid::parse(element.text());
    const bool is_sound = element.is("jid", xmpp::ns::archive) && jid;
    if (!is_sound || jids.size() == ArchivePrefs::jids_max) return std::nullopt;
    jids.push_back(*std::move(jid));
  }
  return jids;
}

void append(std::string& out, std::string_view name, const std::vector<xmpp::Jid>& jids) {
  out.append("<").append(name).append(">");
  for (const xmpp::Jid& jid : jids) {
    out.append("<jid>").append(xmpp::escape_text(jid.str())).append("</jid>");
  }
  out.append("</").append(name).append(">");
}

bool is_listed(const std::vector<xmpp::Jid>& jids, const xmpp::Jid& contact) {
  return std::ranges::any_of(jids, [&](const xmpp::Jid& jid) {
    return jid == contact || (jid.is_bare() && jid.str() == contact.bare_str());
  });
}

}  // namespace

std::optional<ArchivePrefs> ArchivePrefs::parse(const xmpp::Element& prefs) {
  if (!prefs.is("prefs", xmpp::ns::archive)) return std::nullopt;
  const auto name = std::ranges::find(names, prefs.attr("default"),
                                      &std::pair<Default, std::string_view>::second);
  auto always = jids_in(prefs.child("always", xmpp::ns::archive));
  auto never = jids_in(prefs.child("never", xmpp::ns::archive));
  if (name == names.end() || !always || !never) return std::nullopt;
  return ArchivePrefs{
      .by_default = name->first, .always = *std::move(always), .never = *std::move(never)};
}

ArchivePrefs ArchivePrefs::read(const std::string& document) {
  if (document.empty()) return {};
  const auto parsed = xmpp::Stanza::parse(document);
  if (!parsed) return {};
  return parse(parsed->root()).value_or(ArchivePrefs{});
}

std::string ArchivePrefs::to_string() const {
  std::string out = "<prefs xmlns='" + std::string(xmpp::ns::archive) + "' default='" +
                    std::string(names[static_cast<std::size_t>(by_default)].second) + "'>";
  append(out, "always", always);
  append(out, "never", never);
  return out + "</prefs>";
}

std::optional<bool> ArchivePrefs::wants(const xmpp::Jid& contact) const {
  if (is_listed(never, contact)) return false;
  if (is_listed(always, contact)) return true;
  if (by_default == Default::roster) return std::nullopt;
  return by_default == Default::always;
}

}  // namespace server
