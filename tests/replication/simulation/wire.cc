#include "tests/replication/simulation/wire.h"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <utility>

namespace replication::simulation {
namespace {

namespace error = boost::asio::error;

// What a link may hand over in one write: what it gathers, its control frames' bound, and one
// frame that did not fit any more.
constexpr std::size_t write_bytes_max = 256 * 1024 + 2 * (1 << 20) + 64 * 1024;

}  // namespace

Wire::Wire(Network& network, End dialled, End accepted)
    : network_(network), ends_{std::move(dialled), std::move(accepted)} {
  Random& random = network_.world().random;
  for (Pipe& pipe : pipes_) {
    pipe.flight_max = 512 + random.skewed(256 * 1024);
    pipe.arrived_max = 512 + random.skewed(256 * 1024);
  }
}

const Path& Wire::path(Side from) const {
  return network_.path(ends_[from].machine, ends_[1 - from].machine);
}

void Wire::read(Side side, std::span<char> buffer, Connection::ReadHandler done) {
  End& end = ends_[side];
  if (end.reading) network_.world().fail("a link began a second read");
  end.reading = std::move(done);
  end.buffer = buffer;
  offer(side);
}

// Bytes are taken when the process gets to it, not when they arrive.
void Wire::offer(Side side) {
  End& end = ends_[side];
  const Pipe& in = pipes_[1 - side];
  if (!end.reading || end.read_posted || end.closed) return;
  if (in.arrived.empty() && !in.eof && !end.reset) return;
  end.read_posted = true;
  end.loop->post([self = shared_from_this(), side] { self->take(side); });
}

void Wire::take(Side side) {
  End& end = ends_[side];
  Pipe& in = pipes_[1 - side];
  if (!end.read_posted || end.closed) return;  // Closed meanwhile, which has told the reader.
  end.read_posted = false;
  auto done = std::exchange(end.reading, nullptr);
  if (end.reset) {
    done(error::connection_reset, 0);
    return;
  }
  if (in.arrived.empty()) {
    done(error::eof, 0);
    return;
  }
  std::size_t size = std::min(in.arrived.size(), end.buffer.size());
  in.arrived.copy(end.buffer.data(), size);
  in.arrived.erase(0, size);
  move(1 - side);
  done({}, size);
}

void Wire::write(Side side, std::string_view bytes, Connection::WriteHandler done) {
  End& end = ends_[side];
  if (end.writing) network_.world().fail("a link began a second write");
  if (bytes.size() > write_bytes_max) {
    network_.world().fail("a link gathered " + std::to_string(bytes.size()) + " bytes");
  }
  end.writing = std::move(done);
  end.unsent = bytes;
  push(side);
}

void Wire::push(Side side) {
  End& end = ends_[side];
  Pipe& out = pipes_[side];
  if (!end.writing || end.closed) return;
  if (!end.reset) {
    std::size_t room = out.flight_max - std::min(out.flight_max, out.flight.size());
    std::string_view taken = end.unsent.substr(0, room);
    out.flight += taken;
    end.unsent.remove_prefix(taken.size());
    move(side);
    if (!end.unsent.empty()) return;
  }
  end.loop->post([done = std::exchange(end.writing, nullptr), reset = end.reset] {
    done(reset ? boost::system::error_code(error::connection_reset) : boost::system::error_code());
  });
}

void Wire::write_now(Side side, std::string_view bytes) {
  Pipe& out = pipes_[side];
  if (ends_[side].reset || ends_[side].closed) return;
  out.flight += bytes.substr(0, out.flight_max - std::min(out.flight_max, out.flight.size()));
  move(side);
}

void Wire::shutdown_send(Side side) {
  pipes_[side].fin = true;
  move(side);
}

void Wire::move(Side side) {
  Pipe& pipe = pipes_[side];
  if (pipe.moving || path(side).stalled) return;
  if (pipe.flight.empty() && (!pipe.fin || pipe.eof)) return;
  if (!pipe.flight.empty() && pipe.arrived.size() >= pipe.arrived_max && !ends_[1 - side].closed) {
    return;  // Until the receiver reads.
  }
  pipe.moving = true;
  const Path& way = path(side);
  network_.world().after(network_.world().random.between(way.latency_min, way.latency_max),
                         [self = shared_from_this(), side] {
                           self->pipes_[side].moving = false;
                           self->arrive(side);
                         });
}

void Wire::arrive(Side side) {
  Pipe& pipe = pipes_[side];
  if (path(side).stalled) return;  // resume() goes on.
  if (ends_[1 - side].closed) {
    bool data = !pipe.flight.empty();
    pipe.flight.clear();
    if (data) send_reset(1 - side);
  } else if (!pipe.flight.empty()) {
    std::size_t room = pipe.arrived_max - std::min(pipe.arrived_max, pipe.arrived.size());
    std::size_t most = std::min({pipe.flight.size(), room, path(side).slice_max});
    if (most > 0) {
      std::size_t size = network_.world().random.between<std::size_t>(1, most);
      pipe.arrived.append(pipe.flight, 0, size);
      pipe.flight.erase(0, size);
    }
  }
  if (pipe.flight.empty() && pipe.fin) pipe.eof = true;
  offer(1 - side);
  push(side);
  move(side);
}

void Wire::close(Side side) {
  End& end = ends_[side];
  if (end.closed) return;
  end.closed = true;
  // The handlers' owner may be in the middle of something: they are told from the loop.
  if (end.reading) {
    end.loop->post(
        [done = std::exchange(end.reading, nullptr)] { done(error::operation_aborted, 0); });
  }
  if (end.writing) {
    end.loop->post(
        [done = std::exchange(end.writing, nullptr)] { done(error::operation_aborted); });
  }
  end.unsent = {};
  Pipe& out = pipes_[side];
  bool unread = !pipes_[1 - side].arrived.empty();
  pipes_[1 - side].arrived.clear();
  if (unread) {  // As Linux does: what was not read turns the goodbye into a reset.
    out.flight.clear();
    send_reset(side);
  } else if (path(side).stalled && network_.world().random.one_in(2)) {
    out.flight.clear();  // The kernel gives up before the path flows again.
  } else {
    out.fin = true;
    move(side);
  }
}

void Wire::send_reset(Side from) {
  if (path(from).stalled) return;  // Lost. The next byte that comes brings another.
  const Path& way = path(from);
  network_.world().after(network_.world().random.between(way.latency_min, way.latency_max),
                         [self = shared_from_this(), from] { self->hear_reset(1 - from); });
}

void Wire::hear_reset(Side side) {
  ends_[side].reset = true;
  pipes_[side].flight.clear();
  pipes_[1 - side].arrived.clear();
  offer(side);
  push(side);
}

void Wire::reset() {
  for (Side side : {0, 1}) {
    pipes_[side].flight.clear();
    hear_reset(side);
  }
}

void Wire::resume() {
  for (Side side : {0, 1}) {
    move(side);
    push(side);
  }
}

void Wire::kill(const Loop* loop) {
  for (Side side : {0, 1}) {
    End& end = ends_[side];
    if (end.loop.get() != loop) continue;
    auto dropped_read = std::exchange(end.reading, nullptr);
    auto dropped_write = std::exchange(end.writing, nullptr);
    close(side);
  }
}

}  // namespace replication::simulation
