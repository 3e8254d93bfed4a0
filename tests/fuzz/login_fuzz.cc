// What a client says before it has logged in: SASL in both forms, with all that it wishes for, and
// the message of a login by token (hardening P10).
//
// Input: one element; and the same bytes as a token's message.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "server/stream/login_wishes.h"
#include "server/stream/sasl_wire.h"
#include "xmpp/sasl/base64.h"
#include "xmpp/sasl/hashed_token.h"
#include "xmpp/stanza.h"

namespace {

void expect(bool holds) {
  if (!holds) std::abort();
}

void check_element(const xmpp::Stanza& element) {
  const auto step = server::SaslStep::of(element.root());
  if (!step) return;
  if (step->payload) (void)xmpp::sasl_payload_decode(*step->payload);
  const auto wishes = server::LoginWishes::of(element.root());
  if (!wishes) return;
  expect(wishes->client().empty() || wishes->client().size() == 36);
  if (wishes->tokens.use && wishes->tokens.use->count) expect(*wishes->tokens.use->count > 0);
  // What is printed is read alike.
  const auto again = xmpp::Stanza::parse(element.to_string());
  expect(again.has_value());
  const auto same = server::LoginWishes::of(again->root());
  expect(same && same->client() == wishes->client());
  expect(same->bind.has_value() == wishes->bind.has_value());
  if (same->bind) expect(same->bind->tag == wishes->bind->tag);
  expect(same->resume.has_value() == wishes->resume.has_value());
  if (same->resume) expect(same->resume->previd == wishes->resume->previd);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto message = xmpp::parse_token_message(bytes)) {
    expect(!message->user.empty() && message->proof.size() == 32);
  }
  const auto element =
      xmpp::Stanza::parse(bytes, xmpp::ns::client, xmpp::StreamLimits::before_login());
  if (element) check_element(*element);
  return 0;
}
