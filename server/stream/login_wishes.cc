#include "server/stream/login_wishes.h"

#include <charconv>
#include <string_view>

#include "xmpp/namespaces.h"

namespace server {
namespace {

bool is_true(std::string_view value) { return value == "true" || value == "1"; }

// RFC 9562 §4: 8-4-4-4-12 digits.
std::optional<std::string> uuid(std::string_view text) {
  constexpr std::size_t uuid_chars = 36;
  if (text.size() != uuid_chars) return std::nullopt;
  std::string lower;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i] >= 'A' && text[i] <= 'F' ? static_cast<char>(text[i] + 32) : text[i];
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool is_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (is_dash ? c != '-' : !is_digit) return std::nullopt;
    lower += c;
  }
  return lower;
}

std::optional<std::uint64_t> positive(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0) return std::nullopt;
  return number;
}

// Nothing may be asked for twice: which of two would it be?
bool says_once(const xmpp::Element& parent) {
  for (const xmpp::Element child : xmpp::children(parent)) {
    if (parent.child(child.name(), child.ns()) != child) return false;
  }
  return true;
}

}  // namespace

std::optional<LoginWishes> LoginWishes::of(const xmpp::Element& authenticate) {
  if (!says_once(authenticate)) return std::nullopt;
  LoginWishes wishes;
  const auto agent = authenticate.child("user-agent", xmpp::ns::sasl2);
  if (agent && agent.has_attr("id")) {
    auto id = uuid(agent.attr("id"));
    if (!id) return std::nullopt;
    wishes.tokens.client = *std::move(id);
  }
  if (const auto fast = authenticate.child("fast", xmpp::ns::fast)) {
    TokenWishes::Use use{.is_last = is_true(fast.attr("invalidate"))};
    if (fast.has_attr("count")) {
      use.count = positive(fast.attr("count"));
      if (!use.count) return std::nullopt;
    }
    wishes.tokens.use = use;
  }
  // A mechanism that we do not have is no reason to refuse the login: there is no token then.
  if (const auto wanted = authenticate.child("request-token", xmpp::ns::fast)) {
    wishes.tokens.wanted = xmpp::find_token_mechanism(wanted.attr("mechanism"));
  }
  if (const auto resume = authenticate.child("resume", xmpp::ns::sm3)) {
    wishes.resume =
        Resume{.previd = std::string(resume.attr("previd")), .h = std::string(resume.attr("h"))};
  }
  if (const auto bind = authenticate.child("bind", xmpp::ns::bind2)) {
    if (!says_once(bind)) return std::nullopt;
    const auto enable = bind.child("enable", xmpp::ns::sm3);
    wishes.bind =
        Bind{.tag = bind.child("tag", xmpp::ns::bind2).text(),
             .session = {
                 .carbons = static_cast<bool>(bind.child("enable", xmpp::ns::carbons)),
                 .acks = static_cast<bool>(enable),
                 .resumption = is_true(enable.attr("resume")),
                 .is_inactive = static_cast<bool>(bind.child("inactive", xmpp::ns::client_state))}};
  }
  return wishes;
}

}  // namespace server
