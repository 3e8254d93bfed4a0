#pragma once

#include <filesystem>
#include <string>

#include "tools/cluster/fault.h"

namespace cluster {

/// 32 random bytes in hex.
std::string random_secret();

/// Makes what a cluster's nodes and clients trust, where it is not there yet or ends within a day:
/// `folder`/ca.crt and ca.key (an authority of this cluster alone), and `folder`/tls/server.crt
/// and server.key for `domain` and for 127.0.0.1. ECDSA P-256, one year. Keys are readable by
/// their owner only.
/// Errors: OpenSSL or the file system refused.
Result<void> ensure_certificates(const std::filesystem::path& folder, const std::string& domain);

}  // namespace cluster
