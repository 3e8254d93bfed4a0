#include "xmpp/jid.h"

#include <arpa/inet.h>
#include <idna.h>
#include <stringprep.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "xmpp/characters.h"
#include "xmpp/escape.h"

namespace xmpp {
namespace {

constexpr std::size_t part_bytes_max = 1023;
constexpr std::size_t raw_bytes_max = 3 * part_bytes_max;  // Preparation may also make it shorter.

struct Free {
  void operator()(char* text) const noexcept { std::free(text); }
};
using CString = std::unique_ptr<char, Free>;

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<signed char>(c) >= 0; });
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

/// Checks what every part must be before libidn sees it: libidn reads up to a NUL, and past the
/// end of what is no UTF-8 (CVE-2015-2059, hardening S13).
Result<void> check_raw(std::string_view part) {
  if (part.empty()) {
    return Errc::jid_malformed;
  }
  if (part.size() > raw_bytes_max) {
    return Errc::jid_part_too_long;
  }
  if (!is_utf8(part)) {
    return Errc::bad_utf8;
  }
  return is_xml_text(part) ? Result<void>() : Errc::jid_malformed;
}

Result<std::string> check_prepared(std::string part) {
  if (part.empty()) {
    return Errc::jid_malformed;
  }
  if (part.size() > part_bytes_max) {
    return Errc::jid_part_too_long;
  }
  return part;
}

Result<std::string> run_profile(const Stringprep_profile* profile, std::string_view part) {
  std::array<char, 4 * raw_bytes_max> buffer;  // NOLINT(*-pro-type-member-init): written next.
  std::memcpy(buffer.data(), part.data(), part.size());
  buffer[part.size()] = '\0';
  // Code points unassigned in Unicode 3.2 are let through: emoji are among them.
  const int status = stringprep(buffer.data(), buffer.size(), Stringprep_profile_flags{}, profile);
  if (status == STRINGPREP_TOO_SMALL_BUFFER) {
    return Errc::jid_part_too_long;
  }
  if (status != STRINGPREP_OK) {
    return Errc::jid_malformed;
  }
  return std::string(buffer.data());
}

/// By a stringprep profile. What the profile would change once more is refused: otherwise a JID
/// parsed twice would differ from one parsed once.
Result<std::string> prepare(const Stringprep_profile* profile, std::string_view part) {
  Result<std::string> once = run_profile(profile, part);
  if (once.has_error()) {
    return once;
  }
  Result<std::string> checked = check_prepared(std::move(*once));
  if (checked.has_error()) {
    return checked;
  }
  const Result<std::string> twice = run_profile(profile, *checked);
  return twice.has_value() && *twice == *checked ? checked : Errc::jid_malformed;
}

// RFC 6122 appendix A.5, RFC 7622 §3.3.1.
bool is_excluded_from_local(char c) {
  return c <= ' ' || c == 0x7f || std::strchr("\"&'/:<>@", c) != nullptr;
}

Result<std::string> prepare_local(std::string_view part) {
  if (const Result<void> raw = check_raw(part); raw.has_error()) {
    return raw.error();
  }
  if (!is_ascii(part)) {
    return prepare(stringprep_xmpp_nodeprep, part);
  }
  if (std::any_of(part.begin(), part.end(), is_excluded_from_local)) {
    return Errc::jid_malformed;
  }
  std::string prepared(part);
  std::transform(prepared.begin(), prepared.end(), prepared.begin(), lower);
  return check_prepared(std::move(prepared));
}

Result<std::string> prepare_resource(std::string_view part) {
  if (const Result<void> raw = check_raw(part); raw.has_error()) {
    return raw.error();
  }
  if (!is_ascii(part)) {
    return prepare(stringprep_xmpp_resourceprep, part);
  }
  if (std::any_of(part.begin(), part.end(), [](char c) { return c < ' ' || c == 0x7f; })) {
    return Errc::jid_malformed;
  }
  return check_prepared(std::string(part));
}

/// An IPv6 address in brackets, in the one form of RFC 5952.
Result<std::string> prepare_literal(std::string_view domain) {
  in6_addr address{};
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  if (domain.size() < 4 || domain.back() != ']') {
    return Errc::jid_malformed;
  }
  const std::string inside(domain.substr(1, domain.size() - 2));
  if (inet_pton(AF_INET6, inside.c_str(), &address) != 1 ||
      inet_ntop(AF_INET6, &address, buffer.data(), buffer.size()) == nullptr) {
    return Errc::jid_malformed;
  }
  return std::string("[").append(buffer.data()).append("]");
}

/// Labels of letters, digits and inner hyphens, 1 to 63 bytes each (RFC 1123 §2.1).
bool has_host_labels(std::string_view domain) {
  while (true) {
    const std::string_view label = domain.substr(0, domain.find('.'));
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') {
      return false;
    }
    for (const char c : label) {
      if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-') {
        return false;
      }
    }
    if (label.size() == domain.size()) {
      return true;
    }
    domain.remove_prefix(label.size() + 1);
  }
}

bool has_a_label(std::string_view domain) {
  return domain.starts_with("xn--") || domain.find(".xn--") != domain.npos;
}

Result<std::string> prepare_domain(std::string_view part) {
  if (const Result<void> raw = check_raw(part); raw.has_error()) {
    return raw.error();
  }
  if (part.front() == '[') {
    return prepare_literal(part);
  }
  std::string domain(part);
  if (domain.back() == '.') {
    domain.pop_back();  // RFC 7622 §3.2: the root's dot is dropped before all else.
  }
  std::transform(domain.begin(), domain.end(), domain.begin(), lower);
  if (is_ascii(domain) && !has_a_label(domain)) {
    return has_host_labels(domain) ? check_prepared(std::move(domain)) : Errc::jid_malformed;
  }
  // To A-labels and back: the same U-labels, whichever of the two somebody wrote.
  char* raw = nullptr;
  if (idna_to_ascii_8z(domain.c_str(), &raw, IDNA_USE_STD3_ASCII_RULES) != IDNA_SUCCESS) {
    return Errc::jid_malformed;
  }
  const CString ascii(raw);
  if (!has_host_labels(ascii.get())) {
    return Errc::jid_malformed;
  }
  raw = nullptr;
  if (idna_to_unicode_8z8z(ascii.get(), &raw, IDNA_USE_STD3_ASCII_RULES) != IDNA_SUCCESS) {
    return Errc::jid_malformed;
  }
  const CString unicode(raw);
  if (has_a_label(unicode.get())) {
    return Errc::jid_malformed;  // It says that it is encoded, and it is not.
  }
  return check_prepared(unicode.get());
}

/// What a part of a plain JID may hold: one that preparation changes in nothing but case.
enum : std::uint8_t { plain_local = 1, plain_label = 2, plain_resource = 4 };

constexpr std::array<std::uint8_t, 256> plain_kinds = [] {
  std::array<std::uint8_t, 256> kinds{};
  constexpr std::string_view excluded = " \"&'/:<>@";  // RFC 7622 §3.3.1.
  for (char c = ' '; c < 0x7f; ++c) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    std::uint8_t& kind = kinds[static_cast<unsigned char>(c)];
    kind = plain_resource;
    if (excluded.find(c) == std::string_view::npos) kind |= plain_local;
    if (is_letter || (c >= '0' && c <= '9') || c == '-' || c == '.') kind |= plain_label;
  }
  return kinds;
}();

bool is_plain(char c, std::uint8_t kind) {
  return (plain_kinds[static_cast<unsigned char>(c)] & kind) != 0;
}

}  // namespace

/// Nearly every JID is ASCII on a plain host name, and then needs no libidn and one look at each
/// byte: `text` has its localpart up to `at` and its domain up to `slash`. Empty: it is not such a
/// one, or not valid; the long way says which.
Jid Jid::parse_plain(std::string_view text, std::size_t at, std::size_t slash) {
  // NOLINTNEXTLINE(*-pro-type-member-init): written before it is read.
  std::array<char, part_bytes_max> out;
  if (text.empty() || text.size() > out.size()) {
    return {};
  }
  const auto is_all = [&](std::size_t begin, std::size_t end, std::uint8_t kind) {
    return std::all_of(text.begin() + static_cast<std::ptrdiff_t>(begin),
                       text.begin() + static_cast<std::ptrdiff_t>(end),
                       [kind](char c) { return is_plain(c, kind); });
  };
  const std::size_t domain = at == 0 ? 0 : at + 1;
  if (!is_all(0, at, plain_local) || !is_all(domain, slash, plain_label) ||
      !is_all(slash, text.size(), plain_resource)) {
    return {};
  }
  const auto resource = text.begin() + static_cast<std::ptrdiff_t>(slash);
  std::copy(resource, text.end(), std::transform(text.begin(), resource, out.begin(), lower));
  const std::string_view host(out.data() + domain, slash - domain);
  if (!has_host_labels(host) || has_a_label(host)) {
    return {};
  }
  return {{out.data(), text.size()}, at, slash};
}

Result<Jid> Jid::parse(std::string_view text) {
  // RFC 7622 §3.2: first the '/', then the '@', so that a resource may hold both.
  const std::size_t slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  const std::size_t at = address.find('@');
  if (at == 0 || (slash != text.npos && slash + 1 == text.size())) {
    return Errc::jid_malformed;
  }
  Jid plain = parse_plain(text, at == address.npos ? 0 : at, address.size());
  if (!plain.is_empty()) {
    return plain;
  }
  return make(at == address.npos ? std::string_view() : address.substr(0, at),
              at == address.npos ? address : address.substr(at + 1),
              slash == text.npos ? std::string_view() : text.substr(slash + 1));
}

Result<Jid> Jid::make(std::string_view local, std::string_view domain, std::string_view resource) {
  std::string text;
  if (!local.empty()) {
    Result<std::string> prepared = prepare_local(local);
    if (prepared.has_error()) {
      return prepared.error();
    }
    text = std::move(*prepared);
  }
  const std::size_t local_end = text.size();
  if (local_end != 0) {
    text += '@';
  }
  const Result<std::string> prepared = prepare_domain(domain);
  if (prepared.has_error()) {
    return prepared.error();
  }
  text += *prepared;
  const Jid bare(text, local_end, text.size());
  return resource.empty() ? Result<Jid>(bare) : bare.with_resource(resource);
}

Jid Jid::bare() const { return is_bare() ? *this : Jid(bare_str(), local_end_, domain_end_); }

Result<Jid> Jid::with_resource(std::string_view resource) const {
  const Result<std::string> prepared = prepare_resource(resource);
  if (prepared.has_error()) {
    return prepared.error();
  }
  std::string text(bare_str());
  text.append("/").append(*prepared);
  return Jid(text, local_end_, domain_end_);
}

}  // namespace xmpp
