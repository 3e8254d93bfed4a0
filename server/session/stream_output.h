#pragma once

#include <cstddef>
#include <string_view>

#include "xmpp/shared_text.h"
#include "xmpp/stream_error.h"

namespace server {

/// What a session may do with the stream that carries it, or with what stands in its place while
/// there is none. Lives on the session's loop.
class StreamOutput {
 public:
  /// Queues bytes for the client. False when they were not taken, because the stream is closing or
  /// because they would overfill its queue, which closes it.
  virtual bool write(xmpp::SharedText bytes) = 0;

  /// What waits to be written.
  virtual std::size_t queued_bytes() const { return 0; }

  /// Stops reading from the client, whose writes then wait, until each call of it has been followed
  /// by one of resume().
  virtual void pause() = 0;
  virtual void resume() = 0;

  /// Ends the stream with an error (RFC 6120 §4.9), after what is queued.
  virtual void close(xmpp::StreamErrorCondition condition, std::string_view text = {},
                     std::string_view application_xml = {}) = 0;

  /// The client takes its session up on another stream: this one hands it to DetachedSessions, if
  /// it is not there, and ends with `<conflict/>`.
  virtual void give_up_session() {}

 protected:
  ~StreamOutput() = default;
};

/// Stands in where there is no stream.
class NoStream : public StreamOutput {
 public:
  bool write(xmpp::SharedText) override { return false; }
  void pause() override {}
  void resume() override {}
  void close(xmpp::StreamErrorCondition, std::string_view, std::string_view) override {}
};

}  // namespace server
