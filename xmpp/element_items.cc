// The part of ElementScanner that reads what is looked at as a whole: a name, a character, a
// reference. Each waits where the bytes end in it, and fails as soon as nothing can make it right.

#include <algorithm>

#include "xmpp/characters.h"
#include "xmpp/element_scanner.h"

namespace xmpp {

using characters::is;

ElementScanner::Step ElementScanner::name(std::size_t at, ElementScan::Name& name,
                                          std::size_t& behind) {
  const std::size_t begin = at;
  const std::size_t limit = std::min(bytes_.size(), begin + limits_.name_bytes_max + 1u);
  std::size_t colon = 0;
  bool starts_part = true;
  for (; at < limit; ++at) {
    const char c = bytes_[at];
    if (is(c, characters::name_char)) {
      if (starts_part && !is(c, characters::name_start)) {
        return fail_malformed("malformed name");
      }
      starts_part = false;
    } else if (c == ':' && !starts_part && colon == 0) {
      colon = at;
      starts_part = true;
    } else if (static_cast<unsigned char>(c) >= 0x80) {
      std::size_t next = at;
      const Step step = character(next);
      if (step == Step::incomplete) {
        return wait(begin);
      }
      return step == Step::failed ? step
                                  : fail(StreamErrorCondition::bad_format, "name is not ASCII");
    } else {
      break;
    }
  }
  if (at - begin > limits_.name_bytes_max) {
    return fail_limit("name too long");
  }
  if (at == bytes_.size()) {
    return wait(begin);
  }
  if (starts_part) {
    return fail_malformed("malformed name");
  }
  name.begin = static_cast<std::uint32_t>(begin);
  name.size = static_cast<std::uint16_t>(at - begin);
  name.prefix_size = static_cast<std::uint16_t>(colon == 0 ? 0 : colon - begin);
  behind = at;
  return Step::go_on;
}

ElementScanner::Step ElementScanner::character(std::size_t& at) {
  const characters::Decoded character = characters::decode(bytes_, at);
  if (character.size < 0) {
    return wait(at);
  }
  if (character.size == 0) {
    return fail_malformed("bytes are not UTF-8");
  }
  if (!characters::is_xml_char(character.code_point)) {
    return fail_malformed("character that XML does not allow");
  }
  at += static_cast<std::size_t>(character.size);
  return Step::go_on;
}

ElementScanner::Step ElementScanner::reference(std::size_t& at) {
  // The longest are `&#x0010FFFF;` with eight digits: parsers differ on how many they read (X3).
  constexpr std::size_t digits_max = 8;
  static constexpr std::string_view names[] = {"amp;", "lt;", "gt;", "quot;", "apos;"};
  const std::string_view body = bytes_.substr(at + 1);
  if (body.empty()) {
    return wait(at);
  }
  if (body[0] != '#') {
    for (const std::string_view name : names) {
      const std::string_view ahead = body.substr(0, name.size());
      if (ahead == name) {
        at += 1 + name.size();
        return Step::go_on;
      }
      if (name.starts_with(ahead)) {
        return wait(at);
      }
    }
    return fail_malformed("unknown entity");
  }
  const bool is_hex = body.size() > 1 && body[1] == 'x';
  std::size_t digits = 0;
  char32_t value = 0;
  for (std::size_t i = is_hex ? 2 : 1; i < body.size(); ++i) {
    const char c = body[i];
    if (c == ';' && digits != 0) {
      if (!characters::is_xml_char(value)) {
        return fail_malformed("reference to a character that XML does not allow");
      }
      at += i + 2;
      return Step::go_on;
    }
    const bool is_digit = c >= '0' && c <= '9';
    const bool is_letter = is_hex && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'));
    if ((!is_digit && !is_letter) || ++digits > digits_max) {
      return fail_malformed("malformed reference");
    }
    value = value * (is_hex ? 16 : 10) +
            static_cast<char32_t>(is_digit ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return wait(at);
}

ElementScanner::Step ElementScanner::fail(StreamErrorCondition condition, const char* reason) {
  condition_ = condition;
  reason_ = reason;
  return Step::failed;
}

ElementScanner::Step ElementScanner::fail_limit(const char* reason) {
  is_over_limit_ = true;
  return fail(StreamErrorCondition::policy_violation, reason);
}

}  // namespace xmpp
