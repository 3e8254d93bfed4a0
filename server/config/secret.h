#pragma once

#include <boost/system/result.hpp>
#include <ostream>
#include <string>
#include <string_view>

namespace server {

/// A password, token or shared secret. Prints as `***` and cannot be compared with `==`, so that it
/// neither reaches a log by accident nor is compared in variable time (hardening T3, P15).
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret(Secret&&) = default;
  Secret& operator=(const Secret&) = default;
  Secret& operator=(Secret&&) = default;
  ~Secret();  // Wipes the bytes.

  bool operator==(const Secret&) const = delete;

  /// The bytes themselves, for the one place that needs them.
  const std::string& reveal() const { return value_; }

  bool is_empty() const { return value_.empty(); }

  /// Equal in constant time, whatever the lengths are.
  bool matches(std::string_view candidate) const;

 private:
  std::string value_;
};

inline std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "***"; }

/// Why a secret could not be had, for a person to read.
struct SecretFault {
  std::string message;
  std::string fix;
};

/// Reads a file's first line. Faults: absent, unreadable, readable by others than its owner and
/// group (hardening T5), longer than 1,023 bytes, empty, or a placeholder such as `changeme` (H10).
boost::system::result<Secret, SecretFault> read_secret(const std::string& path);

/// The same, but an absent file is made first, with 128 random bits and mode 0600.
boost::system::result<Secret, SecretFault> read_or_create_token(const std::string& path);

}  // namespace server
