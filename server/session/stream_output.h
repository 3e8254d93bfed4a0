#pragma once

#include <string_view>

#include "xmpp/shared_text.h"
#include "xmpp/stream_error.h"

namespace server {

/// What a session may do with the stream that carries it. Lives on the session's loop.
class StreamOutput {
 public:
  /// Queues bytes for the client. False when they were not taken, because the stream is closing or
  /// because they would overfill its queue, which closes it.
  virtual bool write(xmpp::SharedText bytes) = 0;

  /// Stops reading from the client, whose writes then wait, until resume().
  virtual void pause() = 0;
  virtual void resume() = 0;

  /// Ends the stream with an error (RFC 6120 §4.9), after what is queued.
  virtual void close(xmpp::StreamErrorCondition condition, std::string_view text = {},
                     std::string_view application_xml = {}) = 0;

 protected:
  ~StreamOutput() = default;
};

}  // namespace server
