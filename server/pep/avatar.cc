#include "server/pep/avatar.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <utility>

#include "xmpp/escape.h"
#include "xmpp/namespaces.h"
#include "xmpp/sasl/base64.h"

namespace server {
namespace {

using xmpp::StanzaErrorCondition;

constexpr std::string_view data_node = "urn:xmpp:avatar:data";

std::string sha1_of(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), hash.data(), &size, EVP_sha1(), nullptr);
  std::string digits;
  for (unsigned int at = 0; at < size; ++at) {
    digits += "0123456789abcdef"[hash[at] >> 4];
    digits += "0123456789abcdef"[hash[at] & 0xf];
  }
  return digits;
}

/// By its first bytes; empty when it is none that clients show.
std::string_view type_of(std::string_view picture) {
  using Magic = std::pair<std::string_view, std::string_view>;
  static constexpr std::array<Magic, 4> magics = {{{"\x89PNG", "image/png"},
                                                   {"\xff\xd8\xff", "image/jpeg"},
                                                   {"GIF8", "image/gif"},
                                                   {"RIFF", "image/webp"}}};
  for (const auto& [magic, type] : magics) {
    if (picture.starts_with(magic)) return type;
  }
  return {};
}

/// The item that `reader` sees last in a node, or with an id; empty where there is none.
asio::awaitable<PepResult<std::string>> payload_of(Pep& pep, xmpp::Jid account, std::string node,
                                                   xmpp::Jid reader, std::string id) {
  const auto found = co_await pep.read(std::move(account), std::move(node), std::move(reader));
  if (found.has_error() && found.error().condition == StanzaErrorCondition::item_not_found) {
    co_return std::string();
  }
  if (found.has_error()) co_return found.error();
  const auto& items = found->items();
  const auto item = std::find_if(items.rbegin(), items.rend(), [&](const PepItem& other) {
    return id.empty() || other.id == id;
  });
  co_return item == items.rend() ? std::string() : item->payload;
}

asio::awaitable<PepResult<void>> publish(Pep& pep, xmpp::Jid account, Pep::Publication publication,
                                         RoutedLoop& here) {
  publication.options = {{"pubsub#access_model", "open"}};
  const auto done = co_await pep.publish(account, publication, here);
  const bool is_set_up_otherwise =
      done.has_error() && done.error().condition == StanzaErrorCondition::conflict;
  if (!is_set_up_otherwise) co_return done;
  publication.options.clear();  // Its owner chose who may read it.
  co_return co_await pep.publish(std::move(account), std::move(publication), here);
}

}  // namespace

xmpp::Element avatar_info(xmpp::Element metadata) {
  for (const xmpp::Element info : xmpp::children(metadata)) {
    if (info.is("info", avatar_metadata) && !info.has_attr("url")) return info;
  }
  return {};
}

std::optional<Avatar> Avatar::parse(std::string_view type, std::string_view binval) {
  std::string line(binval);
  std::erase_if(line, [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; });
  const auto picture = xmpp::base64_decode(line);
  if (!picture || picture->empty()) return std::nullopt;
  if (type.empty()) type = type_of(*picture);
  if (type.empty()) return std::nullopt;
  return Avatar{.id = sha1_of(*picture), .type = std::string(type), .data = std::move(line)};
}

asio::awaitable<PepResult<AvatarName>> read_avatar_name(Pep& pep, xmpp::Jid account,
                                                        xmpp::Jid reader) {
  const auto named = co_await payload_of(pep, std::move(account), std::string(avatar_metadata),
                                         std::move(reader), std::string());
  if (named.has_error()) co_return named.error();
  const auto metadata = xmpp::Stanza::parse(*named);
  if (!metadata) co_return AvatarName();
  const xmpp::Element info = avatar_info(metadata->root());
  co_return AvatarName{.id = std::string(info.attr("id")), .type = std::string(info.attr("type"))};
}

asio::awaitable<PepResult<std::optional<Avatar>>> read_avatar(Pep& pep, xmpp::Jid account,
                                                              xmpp::Jid reader) {
  const auto name = co_await read_avatar_name(pep, account, reader);
  if (name.has_error()) co_return name.error();
  const auto& [id, type] = *name;
  if (id.empty()) co_return std::optional<Avatar>();
  const auto kept =
      co_await payload_of(pep, std::move(account), std::string(data_node), std::move(reader), id);
  if (kept.has_error()) co_return kept.error();
  const auto data = xmpp::Stanza::parse(*kept);
  if (!data || !data->root().is("data", data_node)) co_return std::optional<Avatar>();
  auto avatar = Avatar::parse(type, data->root().text());
  if (avatar && avatar->id != id) avatar.reset();  // XEP-0398 §4.1
  co_return std::move(avatar);
}

asio::awaitable<PepResult<void>> set_avatar(Pep& pep, xmpp::Jid account,
                                            std::optional<Avatar> avatar, RoutedLoop& here) {
  const auto former = co_await read_avatar(pep, account, account);
  if (former.has_error()) co_return former.error();
  const std::string before = *former ? (*former)->id : std::string();
  if (before == (avatar ? avatar->id : std::string())) co_return PepResult<void>();
  std::string info;
  if (avatar) {
    Pep::Publication data;
    data.node = data_node;
    data.item = {avatar->id, "<data xmlns='" + std::string(data_node) + "'>" +
                                 xmpp::escape_text(avatar->data) + "</data>"};
    const auto done = co_await publish(pep, account, std::move(data), here);
    if (done.has_error()) co_return done;
    const std::size_t padding = std::count(avatar->data.begin(), avatar->data.end(), '=');
    info = "<info id='" + avatar->id + "' bytes='" +
           std::to_string(avatar->data.size() / 4 * 3 - padding) + "' type='" +
           xmpp::escape_attr(avatar->type) + "'/>";
  }
  Pep::Publication metadata;
  metadata.node = avatar_metadata;
  metadata.item = {
      avatar ? avatar->id : before,
      "<metadata xmlns='" + std::string(avatar_metadata) + "'>" + info + "</metadata>"};
  co_return co_await publish(pep, std::move(account), std::move(metadata), here);
}

}  // namespace server
