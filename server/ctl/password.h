#pragma once

#include <boost/system/result.hpp>
#include <string>

#include "server/config/secret.h"

namespace server::ctl {

/// Where a new password comes from. Never the command line, which every user of the machine sees.
struct PasswordSource {
  std::string file;       ///< Its first line; empty: not from a file.
  bool is_stdin = false;  ///< The first line of standard input.
};

/// Neither: asks twice at the terminal, without showing what is typed. The error is a sentence.
boost::system::result<Secret, SecretFault> read_password(const PasswordSource& source);

}  // namespace server::ctl
