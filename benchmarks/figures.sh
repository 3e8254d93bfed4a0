#!/bin/sh
# The figures of docs/figures.md, on a local cluster of its own: benchmarks/figures.sh [idle|chat|join]…
# Each ends with the lines that the document quotes; reports are in runs/. About two minutes each.
set -eu
cd "$(dirname -- "$0")/.."

cluster() { ./meerkat cluster --name=figures "$@"; }
load() { ./meerkat load "$@"; }
start() {
  cluster reset >/dev/null 2>&1 || true
  cluster up --detach --port-base=20000 --accounts=20000 "$@" >/dev/null
}
trap 'cluster reset >/dev/null 2>&1 || true' EXIT
trap 'exit 130' INT TERM

# 10,000 idle users over TLS 1.3 on one node: memory and CPU of a session.
idle() {
  start --nodes=1
  load run idle --cluster=figures --sessions=10k --duration=30s --ui=plain | grep -E '^(verdict|figure)'
}

# 5,000 messages a second across three nodes, half of them from one node to another, over TLS.
chat() {
  start --nodes=3
  load run chat --cluster=figures --sessions=2k --rate=5k/s --duration=30s --ui=plain |
    grep -E '^(verdict|figure|met|missed|audit)|delivered'
}

# A fourth node joins three that hold 20,000 logged-in users, played by two generators.
join() {
  start --nodes=3
  accounts=$(mktemp)
  seq 10000 19999 | sed 's/.*/load&,load/' >"$accounts"
  load run idle --cluster=figures --sessions=10k --duration=60s --ui=off --folder=runs/join-a >/dev/null &
  first=$!
  load run idle --cluster=figures --sessions=10k --duration=60s --ui=off --folder=runs/join-b \
    --accounts="$accounts" >/dev/null &
  second=$!
  tries=0
  until [ "$(cluster ctl status --output=json | grep -o '"sessions":[0-9]*' |
    awk -F: '{sum += $2} END {print sum + 0}')" -ge 20000 ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 240 ] || { echo 'the users did not all log in' >&2; exit 3; }
    sleep 0.5
  done
  cluster add
  cluster ctl status
  curl -s "http://127.0.0.1:20499/metrics" | grep -E '^meerkat_table_records'
  wait "$first" "$second"
  rm -f "$accounts"
}

[ $# -gt 0 ] || set -- idle chat join
for figure in "$@"; do
  echo "== $figure"
  "$figure"
done
