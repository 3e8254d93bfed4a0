#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace tests {

/// A DNS server on a free port of 127.0.0.1, over UDP and TCP, with the records that a test gives
/// it: one question a message, answers in the wire format of RFC 1035 with names compressed. The
/// addresses of services' targets that it has go along, as Kubernetes' server does it.
///
/// An answer of more than 512 bytes goes truncated over UDP and whole over TCP, as RFC 1035 §4.2.1
/// has it. Names that have no record of any type do not exist (NXDOMAIN).
///
/// Threads: members may be called from any thread; the server runs its own.
class DnsServer {
 public:
  DnsServer();
  ~DnsServer();
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;

  std::uint16_t port() const { return port_; }
  std::string place() const { return "127.0.0.1:" + std::to_string(port_); }

  struct Srv {
    std::string target;
    std::uint16_t port = 0;
  };

  /// Replaces the records of `name` (lower case, no final dot). An empty list takes them away.
  void set_addresses(const std::string& name, const std::vector<std::string>& addresses);
  void set_services(const std::string& name, const std::vector<Srv>& services);

  /// `name` is another name for `target`, whose records then follow in the answer.
  void set_alias(const std::string& name, const std::string& target);

  enum class Mode {
    answer,
    silent,     ///< Takes questions, answers none.
    fail,       ///< SERVFAIL
    refuse,     ///< REFUSED
    nonsense,   ///< The right id and question, then bytes that are no records.
    forgetful,  ///< Answers NOERROR without records: NODATA.
  };
  void set_mode(Mode mode) { mode_ = mode; }

  /// Questions taken, by UDP and TCP together, and those over TCP.
  std::size_t questions() const { return questions_; }
  std::size_t questions_by_tcp() const { return questions_by_tcp_; }

 private:
  void run();
  std::string answer(const std::string& question, bool is_tcp);
  void serve_tcp(int socket);

  int udp_ = -1, tcp_ = -1, wake_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<Mode> mode_{Mode::answer};
  std::atomic<std::size_t> questions_{0}, questions_by_tcp_{0};
  std::mutex mutex_;
  // By name, then type: the data of each record, names in it uncompressed.
  std::map<std::string, std::map<std::uint16_t, std::vector<std::string>>> records_;
  std::map<std::string, std::vector<std::string>> targets_;  // Of services, as text.
  std::thread thread_;
};

}  // namespace tests
