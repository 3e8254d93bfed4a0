#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "loadgen/fault.h"
#include "loadgen/histogram.h"
#include "loadgen/recording.h"

namespace loadgen {

/// `report.json` as report.schema.json says, made of a recording alone. A recording without its
/// last line (the run was killed) gives a report with verdict "inconclusive".
boost::json::object build_report(const Recording& recording);

/// One file for a browser, without network access: verdict, thresholds, audit, charts on one time
/// axis with the actions as bands, percentile curves, tables. `report` is what build_report made.
std::string render_html(const boost::json::object& report);

/// One sentence for people: what happened and why the verdict is what it is.
std::string verdict_sentence(const boost::json::object& report);

/// The verdict, the audit and the figures as lines for a terminal.
std::string render_text(const boost::json::object& report);

/// The delivery percentiles in HdrHistogram's text form, in milliseconds.
std::string render_hgrm(const Histogram& histogram);

/// Reads FOLDER/recording.jsonl, writes report.json, report.html and delivery.hgrm beside it.
Result<boost::json::object> write_reports(const std::string& folder);

}  // namespace loadgen
