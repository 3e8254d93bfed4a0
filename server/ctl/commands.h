#pragma once

#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "server/config/secret.h"
#include "server/ctl/client.h"

namespace server::ctl {

/// How `meerkatctl` ends; scripts rely on it.
enum ExitCode : int {
  done = 0,
  check_failed = 1,  ///< Also: a node refused what was asked.
  unhealthy = 2,
  timed_out = 3,
  bad_command_line = 64,
  no_answer = 69,
};

/// What all commands share.
struct Terminal {
  std::ostream& out;
  std::ostream& err;
  bool is_json = false;         ///< `--output=json`
  bool is_interactive = false;  ///< `out` is a terminal: a line may be drawn over.
};

/// The commands that ask nodes. Each writes to the terminal and returns an exit code.
class Commands {
 public:
  Commands(std::vector<Client> nodes, Terminal terminal)
      : nodes_(std::move(nodes)), terminal_(terminal) {}

  /// The cluster as the first node that answers sees it, with each other answering node's own word
  /// about itself.
  ExitCode status();
  ExitCode nodes();  ///< The table alone.
  ExitCode events(std::uint64_t after);

  ExitCode add_user(const std::string& jid, const Secret& password);
  ExitCode set_password(const std::string& jid, const Secret& password);
  ExitCode remove_user(const std::string& jid);
  ExitCode list_users(const std::string& domain);

  ExitCode cordon(const std::string& node, bool on);

  struct Drain {
    std::string node = "self";
    std::string rate{};      ///< Empty: as configured.
    std::string deadline{};  ///< Empty: as configured.
    bool follows = true;     ///< Shows the phases until the node is gone.
  };
  ExitCode drain(const Drain& drain);

  /// `joined=3`, `ready` or `drained`.
  ExitCode wait(const std::string& condition, std::chrono::milliseconds timeout);

 private:
  struct View {
    boost::json::object status;
    std::vector<std::string> silent;  ///< `127.0.0.1:5298 (connection refused)`
    bool has_answer = false;
    ExitCode failure = no_answer;  ///< Without an answer: why.
  };

  /// Why there is no useful answer; said to the user already.
  struct Refused {
    ExitCode code = no_answer;
  };

  View look();
  boost::system::result<Answer, Refused> ask(const Client& node, const std::string& method,
                                             const std::string& target,
                                             const boost::json::value& body = nullptr);
  boost::system::result<Answer, Refused> ask_any(const std::string& method,
                                                 const std::string& target,
                                                 const boost::json::value& body = nullptr);
  std::pair<const Client*, std::string> find_node(const std::string& name);
  ExitCode follow(const Client& node);
  ExitCode tell_silent(const View& view);

  std::vector<Client> nodes_;
  Terminal terminal_;
};

}  // namespace server::ctl
