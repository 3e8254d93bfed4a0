#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>

#include "server/admin/control.h"
#include "server/admin/event_ring.h"

namespace server {

/// A node of three, for what stands in front of one: keeps users and a state, and answers as told.
class FakeNode : public NodeControl {
 public:
  explicit FakeNode(std::string name = "n1") : name_(std::move(name)) {}

  bool is_live() const override { return live; }

  Readiness readiness() const override {
    const std::lock_guard lock(mutex_);
    return readiness_;
  }

  ClusterStatus status() const override {
    ++status_asked;
    const std::lock_guard lock(mutex_);
    return status_;
  }

  std::vector<NodeEvent> events(std::uint64_t after) const override { return ring.after(after); }

  void drain(std::string node, DrainOptions options, ControlDone<void> done) override {
    if (node != "self" && node != name_) {
      return done(ControlError{ControlErrc::not_supported, "ask " + node + " itself"});
    }
    {
      const std::lock_guard lock(mutex_);
      drain_options_ = options;
      DrainStatus begun;
      begun.node = name_;
      begun.phase = "notice";
      begun.sessions_total = 10'000;
      begun.rate = options.rate.value_or(Rate{500});
      begun.deadline_remaining = options.deadline.value_or(std::chrono::seconds(60));
      status_.drain = begun;
    }
    done(ControlResult<void>());
  }

  void cordon(std::string node, bool on, ControlDone<void> done) override {
    if (node != "self") return done(ControlError{ControlErrc::not_found, "no node " + node});
    is_cordoned = on;
    done(ControlResult<void>());
  }

  void add_user(std::string jid, Secret password, ControlDone<void> done) override {
    if (!keeps_answers) return done(add(jid, password));
    const std::lock_guard lock(mutex_);
    kept_.push_back(std::move(done));
  }

  void set_password(std::string jid, Secret password, ControlDone<void> done) override {
    const std::lock_guard lock(mutex_);
    const auto at = users_.find(jid);
    if (at == users_.end()) return done(ControlError{ControlErrc::not_found, "no user " + jid});
    at->second = password.reveal();
    done(ControlResult<void>());
  }

  void remove_user(std::string jid, ControlDone<void> done) override {
    const std::lock_guard lock(mutex_);
    if (users_.erase(jid) == 0) {
      return done(ControlError{ControlErrc::not_found, "no user " + jid});
    }
    done(ControlResult<void>());
  }

  void list_users(std::string domain, std::string after, std::size_t limit,
                  ControlDone<UserPage> done) override {
    const std::lock_guard lock(mutex_);
    UserPage page;
    for (const auto& [jid, password] : users_) {
      const bool is_of_domain = domain.empty() || jid.ends_with("@" + domain);
      if (!is_of_domain || jid.substr(0, jid.find('@')) <= after) continue;
      if (page.users.size() == limit) page.has_more = true;
      if (page.users.size() < limit) page.users.push_back(jid);
    }
    done(page);
  }

  void set_readiness(Readiness readiness) {
    const std::lock_guard lock(mutex_);
    readiness_ = std::move(readiness);
  }
  void set_status(ClusterStatus status) {
    const std::lock_guard lock(mutex_);
    status_ = std::move(status);
  }
  DrainOptions drain_options() const {
    const std::lock_guard lock(mutex_);
    return drain_options_;
  }
  std::string password_of(const std::string& jid) const {
    const std::lock_guard lock(mutex_);
    const auto at = users_.find(jid);
    return at == users_.end() ? "" : at->second;
  }
  std::vector<ControlDone<void>> take_kept() {
    const std::lock_guard lock(mutex_);
    return std::move(kept_);
  }

  mutable std::atomic<std::size_t> status_asked = 0;
  std::atomic<bool> live = true;
  std::atomic<bool> is_cordoned = false;
  std::atomic<bool> keeps_answers = false;  ///< add_user() answers when the test says so.
  EventRing ring;

 private:
  ControlResult<void> add(const std::string& jid, const Secret& password) {
    const std::lock_guard lock(mutex_);
    if (jid.find('@') == std::string::npos) {
      return ControlError{ControlErrc::invalid, jid + " is not an account"};
    }
    if (!users_.emplace(jid, password.reveal()).second) {
      return ControlError{ControlErrc::conflict, jid + " exists already"};
    }
    return {};
  }

  const std::string name_;
  mutable std::mutex mutex_;
  Readiness readiness_;
  ClusterStatus status_;
  DrainOptions drain_options_;
  std::map<std::string, std::string> users_;
  std::vector<ControlDone<void>> kept_;
};

}  // namespace server
