// Prints docs/metrics.md.

#include <iostream>

#include "server/metrics/reference.h"

int main() { std::cout << server::metrics_reference(); }
