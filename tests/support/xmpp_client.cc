#include "tests/support/xmpp_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "xmpp/limits.h"
#include "xmpp/namespaces.h"
#include "xmpp/sasl/base64.h"
#include "xmpp/sasl/channel_binding.h"
#include "xmpp/sasl/scram.h"

namespace tests {
namespace {

using Clock = std::chrono::steady_clock;
using Event = xmpp::StreamParser::Event;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error("XMPP client: " + what);
}

// The name of an error's or failure's condition: its first child.
std::string condition_of(const xmpp::Stanza& element) {
  return std::string(element.root().first_child().name());
}

std::string sasl_element(const char* name, const std::string& attributes,
                         std::string_view payload) {
  return std::string("<") + name + " xmlns='urn:ietf:params:xml:ns:xmpp-sasl'" + attributes + ">" +
         xmpp::sasl_payload_encode(payload) + "</" + name + ">";
}

}  // namespace

void XmppClient::CloseSocket::operator()(int* descriptor) const {
  ::close(*descriptor);
  delete descriptor;
}

XmppClient::XmppClient(std::uint16_t port)
    : context_(nullptr, &SSL_CTX_free),
      tls_(nullptr, &SSL_free),
      parser_(xmpp::StreamLimits::server()) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL.
  socket_.reset(new int(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
  const int on = 1;
  setsockopt(*socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (connect(*socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    fail("cannot connect to port " + std::to_string(port) + ": " + std::strerror(errno));
  }
  // TLS has records without content: a read that was promised bytes must not wait for ever.
  const timeval a_read{.tv_sec = 0, .tv_usec = 100'000};
  setsockopt(*socket_, SOL_SOCKET, SO_RCVTIMEO, &a_read, sizeof a_read);
}

XmppClient XmppClient::login(std::uint16_t port, const std::string& full_jid,
                             const std::string& password, bool is_available) {
  const auto at = full_jid.find('@');
  const auto slash = full_jid.find('/');
  XmppClient client(port);
  client.start_tls(full_jid.substr(at + 1, slash - at - 1));
  const std::string condition = client.authenticate(full_jid.substr(0, at), password);
  if (!condition.empty()) fail(full_jid + " cannot log in: " + condition);
  client.bind(full_jid.substr(slash + 1));
  if (is_available) client.send("<presence/>");
  return client;
}

xmpp::Stanza XmppClient::open_stream(const std::string& domain) {
  domain_ = domain;
  parser_.reset();
  send(
      "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
      "xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='" +
      domain + "'>");
  return expect("features", "stream features");
}

void XmppClient::start_tls(const std::string& domain) {
  open_stream(domain);
  send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
  expect("proceed", "the start of TLS");
  context_.reset(SSL_CTX_new(TLS_client_method()));
  tls_.reset(SSL_new(context_.get()));
  SSL_set_fd(tls_.get(), *socket_);
  SSL_set_tlsext_host_name(tls_.get(), domain.c_str());
  const auto until = Clock::now() + patience;
  for (;;) {
    const int done = SSL_connect(tls_.get());
    if (done == 1) break;
    if (SSL_get_error(tls_.get(), done) != SSL_ERROR_WANT_READ || Clock::now() > until) {
      fail("TLS does not come up");
    }
  }
  open_stream(domain);
}

std::string XmppClient::authenticate(const std::string& user, const std::string& password) {
  auto binding = xmpp::tls_exporter_binding(tls_.get());
  if (!binding) fail("no channel binding: " + binding.error().message());
  xmpp::ScramClientOptions options;
  options.mechanism = xmpp::Mechanism::scram_sha_256_plus;
  options.username = user;
  options.password = xmpp::Secret(password);
  options.binding = *std::move(binding);
  xmpp::ScramClient scram(std::move(options));
  send(sasl_element("auth", " mechanism='SCRAM-SHA-256-PLUS'", scram.first()));
  bool is_answered = false;
  for (;;) {
    auto element = receive();
    if (!element) fail("the login was not answered");
    const std::string name(element->root().name());
    if (name == "error") return "stream:" + condition_of(*element);
    if (name == "failure") return condition_of(*element);
    const auto payload = xmpp::sasl_payload_decode(element->root().text());
    if (!payload) fail("SASL data is no base64");
    if (name == "challenge" && !std::exchange(is_answered, true)) {
      const auto response = scram.respond(*payload);
      if (!response) fail("bad challenge: " + response.error().message());
      send(sasl_element("response", "", *response));
    } else if (name == "success") {
      // RFC 5802 §5: else it could be anybody.
      if (!scram.verify(*payload)) fail("the server does not know the password");
      open_stream(domain_);
      return {};
    } else {
      fail("unexpected " + element->to_string());
    }
  }
}

std::string XmppClient::bind(const std::string& resource) {
  send("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>" +
       xmpp::escape_text(resource) + "</resource></bind></iq>");
  const xmpp::Stanza answer = expect("iq", "the bound resource");
  jid_ = answer.root().child("bind", xmpp::ns::bind).child("jid", xmpp::ns::bind).text();
  if (jid_.empty()) fail("not bound: " + answer.to_string());
  return jid_;
}

void XmppClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent =
        tls_ ? SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size()))
             : static_cast<int>(::send(*socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
    if (sent <= 0) return;  // Closed; the server's last words may still be there to be read.
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

bool XmppClient::read_some(Clock::time_point until) {
  char buffer[16 * 1024];
  for (;;) {
    if (!tls_ || SSL_pending(tls_.get()) == 0) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
      pollfd readable{.fd = *socket_, .events = POLLIN, .revents = 0};
      if (poll(&readable, 1, static_cast<int>(std::max<long>(0, left))) <= 0) return false;
    }
    ERR_clear_error();
    const auto got = tls_ ? SSL_read(tls_.get(), buffer, sizeof buffer)
                          : static_cast<int>(recv(*socket_, buffer, sizeof buffer, 0));
    if (got > 0) {
      input_.append(buffer, static_cast<std::size_t>(got));
      return true;
    }
    const bool is_early =
        tls_ ? SSL_get_error(tls_.get(), got) == SSL_ERROR_WANT_READ : got < 0 && errno == EAGAIN;
    if (!is_early) {
      is_closed_ = true;
      return false;
    }
    if (Clock::now() > until) return false;
  }
}

std::optional<xmpp::Stanza> XmppClient::receive(std::chrono::milliseconds limit) {
  const auto until = Clock::now() + limit;
  for (;;) {
    std::string_view input = input_;
    const Event event = parser_.next(input);
    std::optional<xmpp::Stanza> element;
    if (event == Event::element) {
      auto parsed = xmpp::Stanza::parse(parser_.element());
      if (!parsed) fail("the server sent what is no XML");
      element.emplace(*std::move(parsed));
    }
    input_.erase(0, input_.size() - input.size());
    if (element) return element;
    if (event == Event::error) {
      fail("the server broke XMPP: " + std::string(parser_.error_reason()));
    }
    if (event == Event::stream_close) {
      send("</stream:stream>");
      is_closed_ = true;
    }
    if (is_closed_) return std::nullopt;
    if (event == Event::need_more && !read_some(until)) return std::nullopt;
  }
}

xmpp::Stanza XmppClient::expect(std::string_view name, const char* what) {
  auto element = receive();
  if (!element) fail(std::string(what) + " did not come");
  if (element->root().name() != name) {
    fail(std::string("instead of ") + what + " came " + element->to_string());
  }
  return *std::move(element);
}

std::optional<xmpp::Stanza> XmppClient::receive_message(std::chrono::milliseconds limit) {
  const auto until = Clock::now() + limit;
  for (;;) {
    auto element =
        receive(std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()));
    if (!element || element->kind() == xmpp::Stanza::Kind::message) return element;
  }
}

std::optional<xmpp::Stanza> XmppClient::ask(const std::string& to, const std::string& payload,
                                            std::chrono::milliseconds limit) {
  const std::string id = "ask" + std::to_string(++asked_);
  send("<iq type='get' id='" + id + "' to='" + xmpp::escape_attr(to) + "'>" + payload + "</iq>");
  const auto until = Clock::now() + limit;
  for (;;) {
    auto element =
        receive(std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()));
    const bool is_answer = element && element->kind() == xmpp::Stanza::Kind::iq &&
                           element->id() == id && element->type() != "get";
    if (!element || is_answer) return element;
  }
}

std::string XmppClient::receive_stream_error(std::chrono::milliseconds limit) {
  const auto until = Clock::now() + limit;
  for (;;) {
    auto element =
        receive(std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()));
    if (!element) return is_closed_ ? "closed" : "nothing";
    if (element->root().is("error", xmpp::ns::stream)) return condition_of(*element);
  }
}

}  // namespace tests
