#!/bin/sh
# The figures of docs/figures.md, on a local cluster of its own, as the median of several runs:
#
#     benchmarks/figures.sh [--runs=3] [idle|chat|across|join]…
#
# A run takes about a minute; the reports are in runs/.
set -eu
cd "$(dirname -- "$0")/.."

values=$(mktemp)  # A line a value: figure, name, value.
accounts=$(mktemp)

cluster() { ./meerkat cluster --name=figures "$@"; }
load() { ./meerkat load "$@"; }
start() {
  cluster reset >/dev/null 2>&1 || true
  cluster up --detach --port-base=20000 --accounts=20000 "$@" >/dev/null
}
tidy_up() {
  cluster reset >/dev/null 2>&1 || true
  rm -f "$values" "$accounts"
}
trap tidy_up EXIT
trap 'exit 130' INT TERM

# Takes the figures of the last report, and of its thresholds what was measured.
take_report() {
  {
    grep -o '"figures":{[^}]*}' runs/latest/report.json | head -n 1 | sed 's/.*{//; s/}//' | tr ',' '\n'
    grep -o '"text":"[^"]*","passed":[a-z]*,"value_s":[0-9.E+-]*' runs/latest/report.json |
      sed 's/"text":\("[^ "]*\).*"value_s":/\1":/'
  } | awk -F: -v figure="$1" '{gsub(/"/, "", $1); print figure, $1, $2 + 0}' >>"$values"
}

# 10,000 idle users over TLS 1.3 on one node: memory and CPU of a session.
idle() {
  start --nodes=1
  load run idle --cluster=figures --sessions=10k --duration=30s --ui=plain | grep -E '^(verdict|figure)'
  take_report idle
}

# 5,000 messages a second across three nodes, half of them from one node to another, over TLS.
chat() {
  start --nodes=3
  load run chat --cluster=figures --sessions=2k --rate=5k/s --duration=30s --ui=plain |
    grep -E '^(verdict|figure|met|missed|audit)|delivered'
  take_report chat
}

# 10,000 messages a second without TLS, for 1,000 users: the same, beside benchmarks/peers/measure.py.
across() {
  start --nodes=3 --set=c2s-tls-required=false --set=archive-enabled=false
  load run chat --cluster=figures --sessions=1k --rate=10k/s --duration=20s --ui=plain --tls=off \
    --stream-management=off --body=100..100 | grep -E '^(verdict|figure|met|missed|audit)|delivered'
  take_report across
}

# A fourth node joins three that hold 20,000 logged-in users, played by two generators.
join() {
  start --nodes=3
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
  added=$(cluster add 2>&1)
  echo "$added"
  echo "$added" | awk '/joined in/ {for (i = 1; i < NF; ++i) if ($i == "in") print "join", "joined_s", $(i + 1)}' >>"$values"
  cluster ctl status
  curl -s "http://127.0.0.1:20499/metrics" | grep -E '^meerkat_table_records'
  wait "$first" "$second"
}

runs=3
case ${1-} in
--runs=*)
  runs=${1#--runs=}
  shift
  ;;
esac
[ $# -gt 0 ] || set -- idle chat across join
for figure in "$@"; do
  for run in $(seq "$runs"); do
    echo "== $figure, run $run of $runs"
    "$figure"
  done
done

echo "== median, least and greatest of $runs runs"
sort -k1,1 -k2,2 -k3,3g "$values" | awk '
  function show() {
    if (count) printf "%-6s %-40s %12.6g  %.6g..%.6g\n", figure, name, all[int((count + 1) / 2)], all[1], all[count]
  }
  $1 != figure || $2 != name {show(); figure = $1; name = $2; count = 0}
  {all[++count] = $3}
  END {show()}'
