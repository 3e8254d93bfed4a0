#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace server {

/// An empty folder that is the working directory while it lives, so that messages name files as a
/// user would.
class ConfigFolder {
 public:
  ConfigFolder() : before_(std::filesystem::current_path()) {
    std::string made = std::string(std::getenv("TEST_TMPDIR")) + "/config.XXXXXX";
    path_ = mkdtemp(made.data());
    std::filesystem::current_path(path_);
  }
  ConfigFolder(const ConfigFolder&) = delete;
  ConfigFolder& operator=(const ConfigFolder&) = delete;
  ~ConfigFolder() {
    std::filesystem::current_path(before_);
    std::filesystem::remove_all(path_);
  }

  void write(const std::string& name, const std::string& text, mode_t mode = 0600) const {
    std::ofstream(path_ / name) << text;
    chmod((path_ / name).c_str(), mode);
  }

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path before_;
  std::filesystem::path path_;
};

}  // namespace server
