#include "loadgen/scenario.h"

namespace loadgen {

const std::vector<BuiltIn>& built_in_scenarios() {
  static const std::vector<BuiltIn> scenarios = {
      {"login", R"(# Everybody logs in, at a steady pace, and stays a moment.
[load]
about = "ramp to N sessions and hold: logins a second, login latency"
sessions = "1k"
login_rate = "200/s"
rate = "0"
warmup = "0s"
settle = "2s"
duration = "10s"
thresholds = { "login.p99" = "< 2s" }
[[phase]]
name = "hold"
)"},
      {"idle", R"(# Sessions that do nothing: what does each cost?
[load]
about = "ramp to N sessions and hold: bytes a session, CPU when idle"
sessions = "10k"
login_rate = "400/s"
rate = "0"
warmup = "0s"
settle = "2s"
duration = "1m"
[[phase]]
name = "hold"
)"},
      {"chat", R"(# Pairs that write to each other, half of them across nodes.
[load]
about = "pairs, half of them across nodes: delivery latency, CPU a message"
sessions = "1k"
login_rate = "300/s"
rate = "1k/s"
warmup = "5s"
settle = "30s"
duration = "1m"
thresholds = { "delivery.p99@steady" = "< 500ms" }
[[phase]]
name = "steady"
)"},
      {"autoscale", R"(# The load steps up and a node is added; it steps down and the node goes.
# Shares are of the load's own rate and sessions: --rate and --sessions scale the whole scenario.
[load]
about = "load steps up and down while nodes come and go: seconds to joined, first login, balanced"
sessions = "3k"
login_rate = "400/s"
rate = "1500/s"
warmup = "5s"
settle = "30s"
duration = "20s"
thresholds = { "joined_s" = "< 10s", "balance_ratio" = "<= 1.25", "delivery.p99@steady" = "< 500ms" }
[[phase]]
name = "steady"
[[phase]]
name = "step-up"
duration = "30s"
churn = "1%"
actions = [{ set_rate = "200%" }, { add = 1 }, { set_sessions = "133%" }]
[[phase]]
name = "high"
churn = "3%"
[[phase]]
name = "step-down"
actions = [{ set_rate = "50%" }, { set_sessions = "75%" }, { remove = "newest" }]
[[phase]]
name = "low"
)"},
      {"failover", R"(# One node is killed (kill -9) and started again a while later.
[load]
about = "chat while a node is killed: lost, longest silence, when its clients are back"
sessions = "3k"
login_rate = "400/s"
rate = "1500/s"
warmup = "5s"
settle = "30s"
duration = "15s"
audits_archives = true
thresholds = { "offline.max@fault" = "< 15s" }
[[phase]]
name = "before"
[[phase]]
name = "fault"
actions = [{ kill = "any" }, { wait = "10s" }, { start = "same" }]
[[phase]]
name = "after"
)"},
      {"freeze", R"(# One node is stopped in place (SIGSTOP) and goes on a while later.
[load]
about = "chat while a node stands still: the others notice nothing, nothing is lost"
sessions = "3k"
login_rate = "400/s"
rate = "1500/s"
warmup = "5s"
settle = "30s"
duration = "15s"
[[phase]]
name = "before"
[[phase]]
name = "fault"
actions = [{ pause = "any" }, { wait = "12s" }, { resume = "same" }]
[[phase]]
name = "after"
)"},
      {"partition",
       R"(# The path between two nodes passes nothing for a while: a third relays their link.
# Wants `cluster up --gates`.
[load]
about = "chat while two nodes cannot reach each other: nothing lost, delivery goes on by a third"
sessions = "3k"
login_rate = "400/s"
rate = "1500/s"
warmup = "5s"
settle = "30s"
duration = "15s"
thresholds = { "delivery.p99@healed" = "< 500ms" }
[[phase]]
name = "before"
[[phase]]
name = "fault"
duration = "20s"
actions = [{ cut = ["n1", "n2"] }, { wait = "15s" }, { heal = "all" }]
[[phase]]
name = "healed"
)"},
      {"outage",
       R"(# The cluster's own database ends, and later stands still (SIGSTOP), for a minute each.
[load]
about = "chat while the database is away: it goes on, acks wait, all is archived afterwards"
sessions = "1k"
login_rate = "300/s"
rate = "500/s"
warmup = "5s"
settle = "60s"
duration = "15s"
audits_archives = true
thresholds = { "delivery.p99@away" = "< 500ms", "delivery.p99@frozen" = "< 500ms", "reconnects_per_client" = "<= 0", "ack.max" = "< 90s" }
[[phase]]
name = "before"
[[phase]]
name = "away"
actions = [{ mysql = "stop" }, { wait = "60s" }, { mysql = "start" }]
[[phase]]
name = "back"
duration = "30s"
[[phase]]
name = "frozen"
actions = [{ mysql = "pause" }, { wait = "60s" }, { mysql = "resume" }]
[[phase]]
name = "after"
duration = "30s"
)"},
      {"upgrade", R"(# Every node is replaced by the `next` build, one after the other, under load.
[load]
about = "chat during a full roll to another build: reconnects and full logins, longest silence"
sessions = "3k"
login_rate = "400/s"
rate = "1500/s"
warmup = "5s"
settle = "30s"
duration = "20s"
audits_archives = true
thresholds = { "reconnects_per_client@roll" = "<= 1.01", "full_logins@roll" = "<= 0", "offline.max@roll" = "< 2s" }
[[phase]]
name = "before"
[[phase]]
name = "roll"
duration = "5s"
actions = [{ upgrade = { to = "next" } }]
[[phase]]
name = "after"
)"},
  };
  return scenarios;
}

}  // namespace loadgen
