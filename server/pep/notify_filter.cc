#include "server/pep/notify_filter.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "xmpp/namespaces.h"
#include "xmpp/sasl/base64.h"
#include "xmpp/sasl/scram.h"

namespace server {
namespace {

constexpr std::string_view suffix = "+notify";
constexpr std::size_t wanted_max = 200;      // Of one client.
constexpr std::size_t caps_bytes_max = 256;  // Of what names them.

const EVP_MD* digest_of(std::string_view hash) {
  if (hash == "sha-1") return EVP_sha1();
  if (hash == "sha-256") return EVP_sha256();
  if (hash == "sha-512") return EVP_sha512();
  return nullptr;
}

std::shared_ptr<const WantedNodes> wanted_nodes(xmpp::Element query) {
  WantedNodes wanted;
  for (const xmpp::Element child : xmpp::children(query)) {
    if (!child.is("feature", xmpp::ns::disco_info) || wanted.size() >= wanted_max) continue;
    const std::string_view feature = child.attr("var");
    if (feature.ends_with(suffix)) {
      wanted.emplace(feature.substr(0, feature.size() - suffix.size()));
    }
  }
  return std::make_shared<const WantedNodes>(std::move(wanted));
}

/// Each text with `<` behind it, in the order of their bytes.
std::string joined(std::vector<std::string> texts) {
  std::sort(texts.begin(), texts.end());
  std::string all;
  for (const std::string& text : texts) all += text + '<';
  return all;
}

bool has_twice(std::vector<std::string> texts) {
  std::sort(texts.begin(), texts.end());
  return std::adjacent_find(texts.begin(), texts.end()) != texts.end();
}

/// A form's part of the string: its type, then its fields by name with their values (§5.1).
std::string form_text(xmpp::Element form) {
  std::string type;
  std::map<std::string, std::string, std::less<>> fields;
  for (const xmpp::Element field : xmpp::children(form)) {
    if (!field.is("field", xmpp::ns::data_forms)) continue;
    std::vector<std::string> values;
    for (const xmpp::Element value : xmpp::children(field)) {
      if (value.is("value", xmpp::ns::data_forms)) values.push_back(value.text());
    }
    if (field.attr("var") == "FORM_TYPE") {
      if (!values.empty()) type = values.front();
    } else {
      fields.emplace(field.attr("var"), joined(std::move(values)));
    }
  }
  if (type.empty()) return {};
  std::string text = type + '<';
  for (const auto& [name, values] : fields) text += name + '<' + values;
  return text;
}

}  // namespace

std::shared_ptr<const WantedNodes> CapsCache::find(const std::string& key) const {
  std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : found->second;
}

void CapsCache::add(const std::string& key, std::shared_ptr<const WantedNodes> wanted) {
  std::lock_guard lock(mutex_);
  if (entries_.size() >= entries_max) entries_.erase(entries_.begin());
  entries_.insert_or_assign(key, std::move(wanted));
}

bool has_verification_string(xmpp::Element query, std::string_view hash, std::string_view ver) {
  const EVP_MD* digest = digest_of(hash);
  if (digest == nullptr) return false;
  std::vector<std::string> identities, features, forms;
  for (const xmpp::Element child : xmpp::children(query)) {
    if (child.is("identity", xmpp::ns::disco_info)) {
      identities.push_back(
          std::string(child.attr("category")) + '/' + std::string(child.attr("type")) + '/' +
          std::string(child.attr("xml:lang")) + '/' + std::string(child.attr("name")));
    } else if (child.is("feature", xmpp::ns::disco_info)) {
      features.emplace_back(child.attr("var"));
    } else if (child.is("x", xmpp::ns::data_forms)) {
      forms.push_back(form_text(child));
    }
  }
  // §5.4: what is there twice could stand for something else.
  if (has_twice(identities) || has_twice(features)) return false;
  std::sort(forms.begin(), forms.end());
  std::string text = joined(std::move(identities)) + joined(std::move(features));
  for (const std::string& form : forms) text += form;
  std::array<unsigned char, EVP_MAX_MD_SIZE> sum{};
  unsigned int size = 0;
  if (EVP_Digest(text.data(), text.size(), sum.data(), &size, digest, nullptr) != 1) return false;
  const std::string_view bytes(reinterpret_cast<const char*>(sum.data()), size);
  return xmpp::base64_encode(bytes) == ver;
}

std::optional<std::string> NotifyFilter::on_presence(const xmpp::Stanza& presence) {
  has_changed_ = false;
  const xmpp::Element caps = presence.root().child("c", xmpp::ns::caps);
  if (!caps) return std::nullopt;
  const std::string_view hash = caps.attr("hash"), ver = caps.attr("ver"), node = caps.attr("node");
  if (hash == hash_ && ver == ver_) return std::nullopt;
  if (hash.empty() || hash.size() + ver.size() + node.size() > caps_bytes_max) return std::nullopt;
  hash_ = hash;
  ver_ = ver;
  question_id_.clear();
  has_changed_ = true;
  if ((wanted_ = cache_.find(hash_ + ' ' + ver_))) return std::nullopt;
  // Hardening S4: nobody else can know the id, so nobody else can answer.
  question_id_ = "caps-" + xmpp::base64_encode(xmpp::random_bytes(16));
  return "<iq type='get' id='" + question_id_ + "' to='" + xmpp::escape_attr(presence.from()) +
         "'><query xmlns='http://jabber.org/protocol/disco#info' node='" +
         xmpp::escape_attr(std::string(node) + '#' + ver_) + "'/></iq>";
}

bool NotifyFilter::on_answer(const xmpp::Stanza& iq) {
  if (question_id_.empty() || iq.id() != question_id_) return false;
  question_id_.clear();
  const xmpp::Element query = iq.root().child("query", xmpp::ns::disco_info);
  if (iq.type() != "result" || !query) return false;
  wanted_ = wanted_nodes(query);
  // What does not verify is believed of this client alone.
  if (has_verification_string(query, hash_, ver_)) cache_.add(hash_ + ' ' + ver_, wanted_);
  return true;
}

}  // namespace server
