#include "server/ctl/password.h"

#include <termios.h>
#include <unistd.h>

#include <iostream>

namespace server::ctl {
namespace {

/// Switches the terminal's echo off for its lifetime.
class Silence {
 public:
  Silence() : is_terminal_(tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!is_terminal_) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  ~Silence() {
    if (is_terminal_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }

 private:
  termios before_{};
  bool is_terminal_;
};

std::string ask(const char* prompt) {
  std::cerr << prompt << std::flush;
  std::string line;
  {
    const Silence silence;
    std::getline(std::cin, line);
  }
  std::cerr << "\n";
  return line;
}

boost::system::result<Secret, SecretFault> checked(std::string password) {
  if (password.ends_with('\r')) password.pop_back();
  if (password.empty()) return SecretFault{"the password is empty", ""};
  if (password.size() > 1023) return SecretFault{"the password is longer than 1,023 bytes", ""};
  return Secret(std::move(password));
}

}  // namespace

boost::system::result<Secret, SecretFault> read_password(const PasswordSource& source) {
  if (!source.file.empty()) return read_secret(source.file);
  if (source.is_stdin || isatty(STDIN_FILENO) == 0) {
    std::string line;
    std::getline(std::cin, line);
    return checked(std::move(line));
  }
  std::string password = ask("New password: ");
  if (ask("Again: ") != password) return SecretFault{"the two are not the same", ""};
  return checked(std::move(password));
}

}  // namespace server::ctl
