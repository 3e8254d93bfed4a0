// A relay between a client and a port of 127.0.0.1, told by lines what to do to the bytes:
//
//     $ gate 40123
//     ok port=40200
//     cut            ends all connections, and each new one at once
//     stall          keeps them and passes nothing
//     open           passes again
//     delay 20       holds each piece back for so many milliseconds
//     slice 100      passes at most so many bytes at once; 0: no limit

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>

#include "tests/support/tcp_gate.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: gate PORT\n";
    return 2;
  }
  tests::TcpGate gate(static_cast<std::uint16_t>(std::strtoul(argv[1], nullptr, 10)));
  std::cout << "ok port=" << gate.port() << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command;
    std::uint64_t value = 0;
    words >> command >> value;
    if (command == "cut") {
      gate.cut();
    } else if (command == "stall") {
      gate.stall();
    } else if (command == "open") {
      gate.open();
    } else if (command == "delay") {
      gate.delay(std::chrono::milliseconds(value));
    } else if (command == "slice") {
      gate.slice(value);
    } else {
      std::cout << "error there is no command '" << command << "'" << std::endl;
      continue;
    }
    std::cout << "ok" << std::endl;
  }
}
