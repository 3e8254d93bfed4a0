#include "server/storage/token_store.h"

#include <utility>
#include <vector>

#include "server/storage/key.h"
#include "xmpp/sasl/scram.h"

namespace server {
namespace {

constexpr std::size_t seed_bytes = 16;

// The row of the token in use, and that of a newer one which its client may not have got.
enum class Slot : std::uint64_t { current, next };

std::uint64_t number(Slot slot) { return static_cast<std::uint64_t>(slot); }

std::uint64_t seconds_now() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

boost::system::error_code check_owner(const TokenOwner& owner) {
  if (const auto refusal = check_key(owner.local)) return refusal;
  return check_key(owner.domain);
}

struct Row {
  Slot slot = Slot::current;
  std::string seed;
  std::uint64_t expires = 0;
  std::uint64_t count = 0;
};

}  // namespace

xmpp::Secret password_key(const Credentials& credentials) {
  std::string key;
  for (const auto& keys : {credentials.sha1, credentials.sha256}) {
    if (keys) key += keys->stored_key.reveal();
  }
  return xmpp::Secret(std::move(key));
}

/// What a piece of work does with one client's rows.
class TokenStore::Ledger {
 public:
  Ledger(SqlConnection& db, const TokenOwner& owner, const xmpp::Secret& secret,
         std::chrono::seconds lifetime)
      : db_(db), owner_(owner), secret_(secret), lifetime_(lifetime) {}

  xmpp::Secret token(std::string_view seed, xmpp::TokenMechanism mechanism,
                     const xmpp::Secret& password_key) const {
    std::string text = "meerkat login token";
    for (const std::string_view part :
         {std::string_view(owner_.local), std::string_view(owner_.domain),
          std::string_view(owner_.client), xmpp::name(mechanism)}) {
      text.append(1, '\0').append(part);
    }
    text.append(1, '\0').append(seed).append(password_key.reveal());
    return xmpp::derived_token(secret_, text);
  }

  // Newest first: a client that got it uses it.
  std::vector<Row> rows(xmpp::TokenMechanism mechanism, xmpp::Secret& password_key) {
    const auto found = db_.query(
        "SELECT t.slot, t.seed, t.expires, t.used, u.sha1_stored_key, u.sha256_stored_key"
        " FROM login_tokens t JOIN users u"
        " ON u.localpart = t.localpart AND u.domainpart = t.domainpart"
        " WHERE t.localpart = ? AND t.domainpart = ? AND t.client = ? AND t.mechanism = ?"
        " ORDER BY t.slot DESC",
        {owner_.local, owner_.domain, SqlBytes{owner_.client}, SqlBytes{xmpp::name(mechanism)}});
    std::vector<Row> rows;
    while (found->next()) {
      rows.push_back({.slot = found->number(0) == 0 ? Slot::current : Slot::next,
                      .seed = found->text(1),
                      .expires = found->number(2),
                      .count = found->number(3)});
      password_key = xmpp::Secret(found->text(4) + found->text(5));
    }
    return rows;
  }

  // False when another login was faster, with the same count or to make an end of the token.
  bool mark_used(const Row& row, const TokenLogin& login) {
    if (login.is_last) {
      return db_.change(
                 "DELETE FROM login_tokens WHERE localpart = ? AND domainpart = ? AND"
                 " client = ?",
                 {owner_.local, owner_.domain, SqlBytes{owner_.client}}) > 0;
    }
    if (row.slot == Slot::current && !login.count) return true;
    // A count that was said grows; where none ever was, it stays at none.
    const std::uint64_t count = login.count.value_or(0);
    const bool is_first = db_.change(
                              "UPDATE login_tokens SET used = ?"
                              " WHERE localpart = ? AND domainpart = ? AND client = ?"
                              " AND slot = ? AND seed = ?"
                              " AND (used < ? OR (used = 0 AND ? = 0))",
                              {count, owner_.local, owner_.domain, SqlBytes{owner_.client},
                               number(row.slot), SqlBytes{row.seed}, count, count}) > 0;
    if (is_first && row.slot == Slot::next) {
      remove(Slot::current);
      db_.change(
          "UPDATE login_tokens SET slot = 0"
          " WHERE localpart = ? AND domainpart = ? AND client = ? AND slot = 1",
          {owner_.local, owner_.domain, SqlBytes{owner_.client}});
    }
    return is_first;
  }

  LoginToken add(xmpp::TokenMechanism mechanism, const xmpp::Secret& password_key) {
    const std::string seed = xmpp::random_bytes(seed_bytes);
    const std::uint64_t expires = seconds_now() + static_cast<std::uint64_t>(lifetime_.count());
    remove(Slot::next);
    db_.change(
        "INSERT INTO login_tokens (localpart, domainpart, client, slot, mechanism, seed, expires,"
        " used) VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
        {owner_.local, owner_.domain, SqlBytes{owner_.client}, number(Slot::next),
         SqlBytes{xmpp::name(mechanism)}, SqlBytes{seed}, expires});
    return {.token = token(seed, mechanism, password_key), .expires = expires};
  }

  // A bounded number of clients, without those that have not come back.
  void make_room() {
    db_.change("DELETE FROM login_tokens WHERE localpart = ? AND domainpart = ? AND expires < ?",
               {owner_.local, owner_.domain, seconds_now()});
    std::vector<std::string> others;
    {
      const auto found = db_.query(
          "SELECT client, MAX(expires) FROM login_tokens"
          " WHERE localpart = ? AND domainpart = ? AND client <> ?"
          " GROUP BY client ORDER BY MAX(expires) DESC",
          {owner_.local, owner_.domain, SqlBytes{owner_.client}});
      while (found->next()) others.push_back(found->text(0));
    }
    for (std::size_t i = clients_max - 1; i < others.size(); ++i) {
      db_.change("DELETE FROM login_tokens WHERE localpart = ? AND domainpart = ? AND client = ?",
                 {owner_.local, owner_.domain, SqlBytes{others[i]}});
    }
  }

 private:
  void remove(Slot slot) {
    db_.change(
        "DELETE FROM login_tokens WHERE localpart = ? AND domainpart = ? AND client = ?"
        " AND slot = ?",
        {owner_.local, owner_.domain, SqlBytes{owner_.client}, number(slot)});
  }

  SqlConnection& db_;
  const TokenOwner& owner_;
  const xmpp::Secret& secret_;
  const std::chrono::seconds lifetime_;
};

TokenStore::TokenStore(Storage& storage, xmpp::Secret secret, std::chrono::seconds lifetime)
    : storage_(storage), secret_(std::move(secret)), lifetime_(lifetime) {}

asio::awaitable<Result<LoginToken>> TokenStore::issue(TokenOwner owner,
                                                      xmpp::TokenMechanism mechanism,
                                                      xmpp::Secret password_key) {
  auto work = [this, mechanism, owner = std::move(owner),
               key = std::move(password_key)](SqlConnection& db) -> Result<LoginToken> {
    if (const auto refusal = check_owner(owner)) return refusal;
    Ledger ledger(db, owner, secret_, lifetime_);
    ledger.make_room();
    return ledger.add(mechanism, key);
  };
  // Done twice, the second token is the one that counts.
  return storage_.transact("issue_token", Repeat::safe, std::move(work));
}

asio::awaitable<Result<TokenVerdict>> TokenStore::use(TokenOwner owner, TokenLogin login) {
  auto work = [this, owner = std::move(owner),
               login = std::move(login)](SqlConnection& db) -> Result<TokenVerdict> {
    if (const auto refusal = check_owner(owner)) return refusal;
    using Kind = TokenVerdict::Kind;
    Ledger ledger(db, owner, secret_, lifetime_);
    xmpp::Secret password_key;
    const auto half = static_cast<std::uint64_t>(lifetime_.count()) / 2;
    for (const Row& row : ledger.rows(login.mechanism, password_key)) {
      const xmpp::Secret token = ledger.token(row.seed, login.mechanism, password_key);
      if (!xmpp::token_proof(token, login.binding).same_as(login.proof)) continue;
      const std::uint64_t now = seconds_now();
      if (row.expires <= now) return TokenVerdict{.kind = Kind::expired};
      const bool is_counted = login.count ? *login.count > row.count : row.count == 0;
      if (!is_counted || !ledger.mark_used(row, login)) return TokenVerdict{};
      TokenVerdict verdict{.kind = Kind::accepted,
                           .answer = xmpp::token_answer(token, login.binding)};
      if (login.wanted) {
        verdict.next = ledger.add(*login.wanted, password_key);
      } else if (!login.is_last && row.expires - now < half) {
        verdict.next = ledger.add(login.mechanism, password_key);
      }
      return verdict;
    }
    return TokenVerdict{};
  };
  // Done twice, the second would find its count used.
  return storage_.transact("use_token", Repeat::unsafe, std::move(work));
}

}  // namespace server
