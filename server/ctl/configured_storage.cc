#include "server/ctl/configured_storage.h"

#include <utility>

#include "server/config/load.h"
#include "server/config/secret.h"
#include "server/node/storage_options.h"

namespace server::ctl {

std::optional<ConfiguredStorage> configured_storage(const std::string& file, std::ostream& err) {
  const auto loaded = load_config({"--config=" + file});
  if (loaded.has_error()) {
    err << render(loaded.error());
    return std::nullopt;
  }
  Secret password;
  const auto& mysql = loaded->config.mysql;
  if (mysql && !mysql->password_file.empty()) {
    auto read = read_secret(mysql->password_file);
    if (read.has_error()) {
      err << "meerkatctl: " << read.error().message << "\n  fix: " << read.error().fix << "\n";
      return std::nullopt;
    }
    password = *std::move(read);
  }
  return ConfiguredStorage{.options = storage_options(*loaded, password),
                           .domains = loaded->config.domains};
}

}  // namespace server::ctl
