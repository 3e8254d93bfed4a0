#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "tests/server/cost/message_path.h"

namespace {

thread_local bool is_counting = false;
thread_local long allocations = 0;

}  // namespace

void* operator new(std::size_t size) {
  if (is_counting) ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

// Design 0013: the prepared `to`, and the stanza with its addresses stamped.
constexpr long allocations_max = 2;

TEST(AMessage, AllocatesNoMoreThanItsAddressAndItself) {
  constexpr long messages = 64;
  tests::MessagePath path;
  for (int i = 0; i < 4; ++i) path.send(messages);  // What grows once has grown.
  allocations = 0;
  path.send(messages);
  const long of_the_test = allocations;
  EXPECT_EQ(of_the_test, 0) << "counts only when told to";
  is_counting = true;
  path.send(messages);
  is_counting = false;
  // The test's own buffers are some, however many messages.
  EXPECT_LE(allocations, allocations_max * messages + 16);
  EXPECT_GE(allocations, messages) << "it counts nothing";
}

}  // namespace
