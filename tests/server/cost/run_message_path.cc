// Sends as many messages as it is told, one by one: instructions_test.sh counts what it executes.

#include <cstdlib>

#include "tests/server/cost/message_path.h"

int main(int argc, char** argv) {
  tests::MessagePath path;
  const int count = argc > 1 ? std::atoi(argv[1]) : 1;
  for (int i = 0; i < count; ++i) path.send(1);
}
