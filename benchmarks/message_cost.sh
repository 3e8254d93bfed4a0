#!/bin/sh
# CPU of the server for each delivered message, beside the floor (benchmarks/relay) and beside other
# servers, one after the other in one run, so that all meet the same machine:
#
#     benchmarks/message_cost.sh [--runs=3] [--rates=1k/s,5k/s] [--seconds=10] [--sessions=1000] \
#       [SERVER…]
#
# SERVER is relay, meerkat, meerkat-tls, meerkat-mysql, meerkat-archive, ejabberd, ejabberd-tls, prosody
# or prosody-tls; by default the first three. meerkat-archive keeps each message in the archives of
# both, in a MariaDB whose CPU stands apart; meerkat-mysql is the same without the archive.
# All get the same: 500 pairs on one generator, bodies of 100 bytes (about 215 on the wire) to bare
# JIDs, XEP-0198 off, in-memory or embedded accounts, warm by some seconds of the same load. CPU is
# user and system time of the server's processes while the rate holds, by messages delivered then.
# Builds what it needs, with MEERKAT_BAZEL_FLAGS.
set -eu
cd "$(dirname -- "$0")/.."

runs=3 rates=1k/s,5k/s seconds=10 sessions=1000
while [ $# -gt 0 ]; do
  case $1 in
  --runs=*) runs=${1#*=} ;;
  --rates=*) rates=$(echo "${1#*=}" | tr ',' ' ') ;;
  --seconds=*) seconds=${1#*=} ;;
  --sessions=*) sessions=${1#*=} ;;
  --*) echo "no such option: $1" >&2 && exit 64 ;;
  *) break ;;
  esac
  shift
done
rates=$(echo "$rates" | tr ',' ' ')
[ $# -gt 0 ] || set -- relay meerkat meerkat-tls

if [ -z "${PEER_BIN-}" ]; then
  startup='' flags=''
  for flag in ${MEERKAT_BAZEL_FLAGS-}; do
    case $flag in
    --output_base=* | --output_user_root=*) startup="$startup $flag" ;;
    *) flags="$flags $flag" ;;
    esac
  done
  # shellcheck disable=SC2086 # flags are split on purpose
  bazel $startup build $flags //server:meerkatd //loadgen:meerkat-load //benchmarks/relay
  # shellcheck disable=SC2086
  PEER_BIN=$(bazel $startup info $flags bazel-bin 2>/dev/null)
  export PEER_BIN
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

# A value of the report's phase `steady`, which is the last: its figures come before its name.
value() {
  sed -E "s/.*\"$1\": *([0-9.eE+-]+).*\"name\": *\"steady\".*/\1/" "$folder/run/latest/report.json" | head -n 1
}
delivery() {
  sed -E "s/.*\"name\": *\"steady\"[^}]*\"delivery\": *\{[^}]*\"$1\": *([0-9.eE+-]+).*/\1/" \
    "$folder/run/latest/report.json" | head -n 1
}

measure() {
  case $1 in
  *-tls) tls=starttls server=${1%-tls} ;;
  *) tls=off server=$1 ;;
  esac
  name=$1 rate=$2
  code=0
  PEER_TLS=$tls benchmarks/peers/run.sh "$server" chat --sessions="$sessions" --login-rate=500/s \
    --warmup=3s --duration="${seconds}s" --settle=10s --body=100..100 --stream-management=off \
    --ui=off --folder="$folder/run" --rate="$rate" >"$folder/out" 2>&1 || code=$?
  if [ "$code" -gt 1 ] && [ "$code" -ne 3 ]; then
    cat "$folder/out" >&2
    exit "$code"
  fi
  printf '%s %s %s %s %s %s\n' "$name" "$rate" "$(value server_cpu_us_per_message)" \
    "$(delivery count)" "$(delivery p50_s)" "$(delivery p99_s)" | tee -a "$folder/values" >&2
  grep '^database: ' "$folder/out" >&2 || true
}

for run in $(seq "$runs"); do
  for rate in $rates; do
    for name; do
      echo "run $run of $runs: $name at $rate" >&2
      measure "$name" "$rate"
    done
  done
done

echo "median (least..greatest) of $runs runs; $(date +%F), $(git describe --always --dirty)"
printf '%-8s %-12s %-24s %-10s %-12s %-10s %s\n' rate server 'CPU µs a message' '× relay' messages/s 'p50 ms' 'p99 ms'
sort -k2,2 -k1,1 -k3,3g "$folder/values" | awk -v order="$*" -v rates="$rates" -v seconds="$seconds" '
  {key = $2 " " $1; n = ++count[key]; cpu[key, n] = $3; got[key] += $4; p50[key] += $5; p99[key] += $6}
  END {
    names = split(order, name, " ")
    for (r = 1; r <= split(rates, rate, " "); ++r)
      for (i = 1; i <= names; ++i) {
        key = rate[r] " " name[i]; n = count[key]; floor_key = rate[r] " relay"
        median = cpu[key, int((n + 1) / 2)]
        floor = cpu[floor_key, int((count[floor_key] + 1) / 2)]
        printf "%-8s %-12s %-24s %-10s %-12.0f %-10.2f %.2f\n", rate[r], name[i],
          sprintf("%.1f (%.1f..%.1f)", median, cpu[key, 1], cpu[key, n]),
          (floor > 0 ? sprintf("%.2f", median / floor) : "-"), got[key] / n / seconds, p50[key] / n * 1000, p99[key] / n * 1000
      }
  }'
