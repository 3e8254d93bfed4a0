#include "benchmarks/replication/replica/session.h"

#include <cstddef>

namespace benchmarks {
namespace {

constexpr std::uint64_t mixed(std::uint64_t number) {
  number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9u;
  number = (number ^ (number >> 27)) * 0x94d049bb133111ebu;
  return number ^ (number >> 31);
}

template <class T>
void append(T value, std::string& out) {
  for (std::size_t at = 0; at < sizeof(T); ++at) {
    out += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * at));
  }
}

template <class T>
void take(std::string_view& bytes, T& value) {
  std::uint64_t read = 0;
  for (std::size_t at = 0; at < sizeof(T); ++at) {
    read |= std::uint64_t{static_cast<unsigned char>(bytes[at])} << (8 * at);
  }
  value = static_cast<T>(read);
  bytes.remove_prefix(sizeof(T));
}

constexpr std::size_t language_bytes = 2;
constexpr std::size_t record_bytes = 3 * 8 + 4 + 2 + 2 + 3 + language_bytes;
constexpr std::size_t key_bytes = 31 + 14;

}  // namespace

SessionKey session_key(std::uint64_t number) {
  static constexpr char digits[] = "0123456789ABCDEFGHJKLMNPQRSTUVWX";
  SessionKey key{"user0000000000@chat.example.org", "gajim."};
  for (std::size_t at = 14; at > 4; --at, number /= 10) {
    key.first[at - 1] = static_cast<char>('0' + number % 10);
  }
  for (std::uint64_t rest = mixed(number), at = 0; at < 8; ++at, rest >>= 5) {
    key.second += digits[rest & 31];
  }
  return key;
}

Session session_record(std::uint64_t number, std::uint64_t serial, std::size_t encoded_bytes) {
  Session session;
  session.bound_at = 1'767'225'600'000'000 + number;
  session.session = mixed(number);
  session.changed_at = serial;
  session.address = static_cast<std::uint32_t>(mixed(number + 1));
  session.port = static_cast<std::uint16_t>(number);
  session.loop = number % 8;
  session.priority = 5;
  session.presence = 1;
  session.connection = 2;
  constexpr std::size_t least = key_bytes + record_bytes;
  if (encoded_bytes > least) session.padding.assign(encoded_bytes - least, 'p');
  return session;
}

}  // namespace benchmarks

void replication::Codec<benchmarks::Session>::encode(const benchmarks::Session& value,
                                                     std::string& out) {
  using benchmarks::append;
  append(value.bound_at, out);
  append(value.session, out);
  append(value.changed_at, out);
  append(value.address, out);
  append(value.port, out);
  append(value.loop, out);
  append(value.priority, out);
  append(value.presence, out);
  append(value.connection, out);
  out += value.language;
  out += value.padding;
}

bool replication::Codec<benchmarks::Session>::decode(std::string_view bytes,
                                                     benchmarks::Session& value) {
  using benchmarks::take;
  if (bytes.size() < benchmarks::record_bytes) return false;
  take(bytes, value.bound_at);
  take(bytes, value.session);
  take(bytes, value.changed_at);
  take(bytes, value.address);
  take(bytes, value.port);
  take(bytes, value.loop);
  take(bytes, value.priority);
  take(bytes, value.presence);
  take(bytes, value.connection);
  value.language.assign(bytes.substr(0, benchmarks::language_bytes));
  value.padding.assign(bytes.substr(benchmarks::language_bytes));
  return true;
}
