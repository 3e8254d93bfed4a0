#include "server/node/storage_report.h"

#include <gtest/gtest.h>

#include <string>

#include "server/storage/error.h"

namespace server {
namespace {

using namespace std::chrono_literals;

bool has_line(const Metrics& metrics, const std::string& line) {
  return ("\n" + metrics.text()).find("\n" + line + "\n") != std::string::npos;
}

TEST(StorageReport, TimesTheWaitAndTheStatement) {
  Metrics metrics({"0.5.0", "abc"});
  StorageReport report;
  report.count_into(metrics);
  report.job_waited(7ms);
  report.statement_done("find", 500ms, {});
  report.statement_done("create", 2s, make_error_code(StorageErrc::conflict));
  EXPECT_TRUE(has_line(metrics, "meerkat_mysql_wait_duration_seconds_bucket{le=\"0.005\"} 0"));
  EXPECT_TRUE(has_line(metrics, "meerkat_mysql_wait_duration_seconds_bucket{le=\"0.01\"} 1"));
  EXPECT_TRUE(
      has_line(metrics, "meerkat_mysql_query_duration_seconds_sum{statement=\"find\"} 0.5"));
  EXPECT_TRUE(
      has_line(metrics, "meerkat_mysql_query_duration_seconds_count{statement=\"create\"} 1"));
}

TEST(StorageReport, CountsFailuresByTheirClassAndNoAnswers) {
  Metrics metrics({"0.5.0", "abc"});
  StorageReport report;
  report.count_into(metrics);
  EXPECT_TRUE(has_line(metrics, "meerkat_mysql_errors_total{class=\"broken\"} 0"));
  report.call_failed(make_error_code(StorageErrc::unavailable));
  report.call_failed(make_error_code(StorageErrc::unavailable));
  report.call_failed(make_error_code(StorageErrc::busy));
  report.call_failed(make_error_code(StorageErrc::conflict));
  report.call_failed(make_error_code(StorageErrc::no_such_user));
  report.call_failed(make_error_code(StorageErrc::bad_key));
  EXPECT_TRUE(has_line(metrics, "meerkat_mysql_errors_total{class=\"unavailable\"} 2"));
  EXPECT_TRUE(has_line(metrics, "meerkat_mysql_errors_total{class=\"busy\"} 1"));
  EXPECT_TRUE(has_line(metrics, "meerkat_mysql_errors_total{class=\"access_denied\"} 0"));
  EXPECT_EQ(metrics.text().find("conflict"), std::string::npos);
}

// The store is opened, and may speak, before there is a node with metrics.
TEST(StorageReport, MayBeToldThingsBeforeThereAreMetrics) {
  StorageReport report;
  report.job_waited(7ms);
  report.statement_done("find", 70ms, {});
  report.call_failed(make_error_code(StorageErrc::unavailable));
  Metrics metrics({"0.5.0", "abc"});
  report.count_into(metrics);
  EXPECT_EQ(metrics.text().find("meerkat_mysql_wait_duration_seconds"), std::string::npos);
}

}  // namespace
}  // namespace server
