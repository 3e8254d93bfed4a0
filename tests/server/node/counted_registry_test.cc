#include "server/node/counted_registry.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "discovery/error.h"

namespace server {
namespace {

using namespace std::chrono_literals;

/// A registry that answers as it is told.
class ToldRegistry final : public discovery::Backend {
 public:
  explicit ToldRegistry(discovery::Result<discovery::Reading>& answer) : answer_(answer) {}

  discovery::Result<std::uint64_t> start_stamp(const std::string&) override { return 42; }
  discovery::Result<discovery::Reading> renew(const discovery::NodeRow&,
                                              std::chrono::milliseconds) override {
    return answer_;
  }
  discovery::Result<discovery::Reading> read() override { return answer_; }
  discovery::Result<void> leave(const discovery::NodeRow&) override { return {}; }
  [[nodiscard]] std::string last_failure() const override { return "told to"; }

 private:
  discovery::Result<discovery::Reading>& answer_;
};

class CountedRegistryTest : public testing::Test {
 protected:
  CountedRegistry registry_of(CountedRegistry::Kind kind) {
    return {std::make_unique<ToldRegistry>(answer_), kind, metrics_};
  }

  bool has_line(const std::string& line) const {
    return ("\n" + metrics_.text()).find("\n" + line + "\n") != std::string::npos;
  }

  discovery::Result<discovery::Reading> answer_ = discovery::Reading();
  Metrics metrics_{{"0.5.0", "abc"}};
};

TEST_F(CountedRegistryTest, TimesTheCallsToADatabase) {
  CountedRegistry registry = registry_of(CountedRegistry::Kind::mysql);
  EXPECT_EQ(registry.start_stamp("n1").value(), 42U);
  EXPECT_TRUE(registry.renew({}, 15s));
  EXPECT_TRUE(registry.read());
  EXPECT_TRUE(registry.read());
  EXPECT_TRUE(registry.leave({}));
  const std::string count = "meerkat_mysql_query_duration_seconds_count";
  EXPECT_TRUE(has_line(count + "{statement=\"registry_stamp\"} 1"));
  EXPECT_TRUE(has_line(count + "{statement=\"registry_renew\"} 1"));
  EXPECT_TRUE(has_line(count + "{statement=\"registry_read\"} 2"));
  EXPECT_TRUE(has_line(count + "{statement=\"registry_leave\"} 1"));
  EXPECT_EQ(metrics_.text().find("meerkat_mysql_errors_total"), std::string::npos);
}

TEST_F(CountedRegistryTest, CountsEachRenewalThatFailsAndEachFailureOfTheDatabase) {
  CountedRegistry registry = registry_of(CountedRegistry::Kind::mysql);
  answer_ = discovery::Errc::registry_unavailable;
  EXPECT_FALSE(registry.renew({}, 15s));
  EXPECT_FALSE(registry.renew({}, 15s));
  EXPECT_FALSE(registry.read());
  EXPECT_TRUE(has_line("meerkat_lease_renewals_total{result=\"failed\"} 2"));
  EXPECT_TRUE(has_line("meerkat_mysql_errors_total{class=\"unavailable\"} 3"));
  EXPECT_EQ(registry.last_failure(), "told to");
}

TEST_F(CountedRegistryTest, TakesAnAnswerForNoFailureOfTheDatabase) {
  CountedRegistry registry = registry_of(CountedRegistry::Kind::mysql);
  answer_ = discovery::Errc::name_taken;
  EXPECT_FALSE(registry.renew({}, 15s));
  EXPECT_TRUE(has_line("meerkat_lease_renewals_total{result=\"failed\"} 1"));
  EXPECT_EQ(metrics_.text().find("meerkat_mysql_errors_total"), std::string::npos);
}

TEST_F(CountedRegistryTest, CountsNothingOfAFileAsADatabases) {
  CountedRegistry registry = registry_of(CountedRegistry::Kind::other);
  answer_ = discovery::Errc::registry_unavailable;
  EXPECT_FALSE(registry.renew({}, 15s));
  EXPECT_TRUE(has_line("meerkat_lease_renewals_total{result=\"failed\"} 1"));
  EXPECT_EQ(metrics_.text().find("meerkat_mysql"), std::string::npos);
}

}  // namespace
}  // namespace server
