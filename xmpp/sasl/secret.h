#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <utility>

namespace xmpp {

/// Bytes that must not be printed, logged or compared in variable time: a password, a key.
/// Wiped from memory when destroyed (best effort: copies that the caller made are the caller's).
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string bytes) : bytes_(std::move(bytes)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept;
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  /// The bytes themselves. Named so that its uses are easy to find and review.
  const std::string& reveal() const noexcept { return bytes_; }
  bool is_empty() const noexcept { return bytes_.empty(); }

  /// Compares in a time that depends on the sizes alone (hardening P15).
  bool same_as(std::string_view bytes) const noexcept;

  bool operator==(const Secret&) const = delete;

 private:
  void wipe() noexcept;

  std::string bytes_;
};

/// Prints `***`.
std::ostream& operator<<(std::ostream& out, const Secret& secret);

}  // namespace xmpp
