// Prints docs/configuration.md.

#include <iostream>

#include "server/config/load.h"

int main() { std::cout << server::config_reference(); }
