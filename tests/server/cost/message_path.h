#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace tests {

/// The way of a chat message through one loop of a node, without a network: juliet's stream reads
/// it from a socket, romeo's writes it to another. Both are logged in.
///
/// Threads: the calling one takes the loop's turns.
class MessagePath {
 public:
  MessagePath();
  ~MessagePath();

  /// Juliet sends, in one write, `count` messages of 100 bytes of text to Romeo's bare JID; when
  /// this returns they have been written to Romeo's socket and read from it. Throws if not.
  void send(std::size_t count);

 private:
  class Node;
  std::unique_ptr<Node> node_;
  std::string message_;
};

}  // namespace tests
