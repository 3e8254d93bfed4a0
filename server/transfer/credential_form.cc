#include <array>
#include <charconv>

#include "server/transfer/forms.h"
#include "server/transfer/namespaces.h"
#include "xmpp/sasl/base64.h"

namespace server {
namespace {

constexpr std::size_t salt_bytes_max = 255;           // Of the column.
constexpr std::uint32_t iterations_max = 10'000'000;  // Each login of a client pays for them.

struct KeyTexts {
  std::string stored_key, server_key, salt, iterations;
};

Form<std::uint32_t> iterations_of(std::string_view text) {
  std::uint32_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const bool is_count = error == std::errc() && end == text.data() + text.size();
  if (!is_count || count == 0 || count > iterations_max) {
    return LeftOut{"credentials whose number of iterations is none"};
  }
  return count;
}

Form<xmpp::ScramKeys> keys_of(xmpp::ScramHash hash, const KeyTexts& texts) {
  const auto iterations = iterations_of(texts.iterations);
  if (iterations.has_error()) return iterations.error();
  const std::size_t size = xmpp::scram_key_bytes(hash);
  auto stored_key = xmpp::base64_decode(texts.stored_key);
  auto server_key = xmpp::base64_decode(texts.server_key);
  auto salt = xmpp::base64_decode(texts.salt);
  if (stored_key && server_key && salt && stored_key->size() != size) {
    // ejabberd 23.01 encodes what it keeps encoded already.
    stored_key = xmpp::base64_decode(*stored_key);
    server_key = xmpp::base64_decode(*server_key);
    salt = xmpp::base64_decode(*salt);
  }
  if (!stored_key || !server_key || !salt) return LeftOut{"credentials that are not base64"};
  if (stored_key->size() != size || server_key->size() != size) {
    return LeftOut{"credentials whose keys are not of their size"};
  }
  if (salt->empty() || salt->size() > salt_bytes_max) {
    return LeftOut{"credentials whose salt is not of its size"};
  }
  return xmpp::ScramKeys{.hash = hash,
                         .salt = *std::move(salt),
                         .iterations = *iterations,
                         .stored_key = xmpp::Secret(*std::move(stored_key)),
                         .server_key = xmpp::Secret(*std::move(server_key))};
}

void append_child(std::string& out, std::string_view name, std::string_view text) {
  out.append("<").append(name).append(">").append(text);
  out.append("</").append(name).append(">");
}

}  // namespace

void append_credentials(std::string& out, const xmpp::ScramKeys& keys) {
  out.append("<scram-credentials xmlns='").append(transfer_ns::scram);
  out.append("' mechanism='").append(xmpp::name(keys.hash)).append("'>");
  append_child(out, "iter-count", std::to_string(keys.iterations));
  append_child(out, "salt", xmpp::base64_encode(keys.salt));
  append_child(out, "server-key", xmpp::base64_encode(keys.server_key.reveal()));
  append_child(out, "stored-key", xmpp::base64_encode(keys.stored_key.reveal()));
  out += "</scram-credentials>\n";
}

Form<xmpp::ScramKeys> read_credentials(xmpp::Element credentials) {
  const std::string_view mechanism = credentials.attr("mechanism");
  for (const xmpp::ScramHash hash : {xmpp::ScramHash::sha1, xmpp::ScramHash::sha256}) {
    if (xmpp::name(hash) != mechanism) continue;
    const auto text = [&](std::string_view name) {
      return credentials.child(name, transfer_ns::scram).text();
    };
    return keys_of(hash, {.stored_key = text("stored-key"),
                          .server_key = text("server-key"),
                          .salt = text("salt"),
                          .iterations = text("iter-count")});
  }
  return LeftOut{"credentials for " + std::string(mechanism) + ", which is not offered here"};
}

std::optional<Form<xmpp::ScramKeys>> keys_in_password(std::string_view password) {
  constexpr std::string_view mark = "scram:";
  if (!password.starts_with(mark)) return std::nullopt;
  std::vector<std::string> parts;
  for (std::string_view rest = password.substr(mark.size());;) {
    const std::size_t comma = rest.find(',');
    parts.emplace_back(rest.substr(0, comma));
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  auto hash = xmpp::ScramHash::sha1;
  if (parts.size() == 5) {
    if (parts.front() != "sha256") return LeftOut{"credentials for a hash that is not known here"};
    hash = xmpp::ScramHash::sha256;
    parts.erase(parts.begin());
  }
  if (parts.size() != 4) return std::nullopt;  // Somebody's odd password.
  return keys_of(
      hash,
      {.stored_key = parts[0], .server_key = parts[1], .salt = parts[2], .iterations = parts[3]});
}

}  // namespace server
