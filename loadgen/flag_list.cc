#include <CLI/CLI.hpp>

#include "loadgen/run_flags.h"

namespace loadgen {

void add_run_flags(CLI::App& run, RunFlags& flags) {
  const auto add = [&](const char* name, std::string& target, const char* about) {
    return run.add_option(name, target, about)->capture_default_str();
  };
  run.add_option("scenario", flags.scenario, "built-in name or TOML file")->required();
  add("--target", flags.targets, "HOST:PORT,… to log in to");
  run.add_option("--cluster", flags.cluster, "the local cluster of this name (default)")
      ->expected(0, 1)
      ->default_str("default");
  add("--cluster-file", flags.cluster_file, "its cluster.json, if it is elsewhere");
  add("--cluster-command", flags.cluster_command, "its supervisor's program and first words");
  add("--domain", flags.domain, "what the users' JIDs end in");
  add("--sessions", flags.sessions, "how many users; 10k");
  add("--login-rate", flags.login_rate, "logins a second; 500/s");
  add("--rate", flags.rate, "messages a second in all; 2k/s");
  add("--duration", flags.duration, "of each phase that states none; 5m");
  add("--warmup", flags.warmup, "of the load before the first phase; 30s");
  add("--settle", flags.settle, "at most, for what is on its way at the end; 30s");
  add("--audit-archives", flags.audit_archives, "on, off; default: as the scenario says");
  add("--model", flags.model, "open: due by the clock; closed: by the last answer");
  add("--arrivals", flags.arrivals, "even or poisson");
  run.add_option("--seed", flags.seed, "of everything random")->capture_default_str();
  run.add_option("--threads", flags.threads, "event loops")->capture_default_str();
  add("--tls", flags.tls, "starttls, direct or off");
  add("--tls-verify", flags.tls_verify, "off only for a self-signed certificate");
  add("--ca", flags.ca, "PEM file of the authority; default: the system's, or the cluster's");
  add("--auth", flags.auth, "best, scram-sha-256, scram-sha-1 or plain");
  add("--login", flags.login,
      "steps; inline: all in one (XEP-0388); token: so, again by a token (XEP-0484)");
  add("--stream-management", flags.stream_management, "XEP-0198 acknowledgements");
  add("--resend", flags.resend, "send again what was not acknowledged when a stream died");
  add("--backoff", flags.backoff, "wait before a reconnect, doubled and jittered");
  add("--body", flags.body, "bytes of a message's body; 100..1KiB");
  add("--users-prefix", flags.users_prefix, "users are PREFIX0, PREFIX1, …");
  add("--user-password", flags.password, "of them all; visible to others on this machine");
  add("--user-password-file", flags.password_file, "its first line is the password of them all");
  add("--accounts", flags.accounts, "CSV file with lines user,password");
  run.add_flag("--register", flags.make_accounts, "make the accounts in band (XEP-0077)");
  run.add_option("--threshold", flags.thresholds, "such as 'delivery.p99@steady < 200ms'");
  add("--abort-on", flags.abort_on, "audit: stop at the first wrong stanza");
  add("--source-addresses", flags.source_addresses, "such as 127.0.1.1-8");
  add("--server-pids", flags.server_pids, "PID,… of the targets, for CPU and memory");
  add("--folder", flags.folder, "where runs are kept");
  add("--ui", flags.ui, "auto, plain or off");
  add("--commit", flags.commit, "what was built, for the report");
}

}  // namespace loadgen
