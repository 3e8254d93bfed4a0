#!/bin/sh
# Runs a meerkat-load scenario against one server, on loopback, in a folder of its own. The other
# XMPP servers are Debian's: the generator is honest only if servers that we did not write pass its
# audit too. `relay` is no server but the floor: benchmarks/relay.
#
#   benchmarks/peers/run.sh relay|meerkat|meerkat-mysql|meerkat-archive|prosody|ejabberd [SCENARIO [OPTION…]]
#
# Meerkat runs without its archive, but for meerkat-archive: that and meerkat-mysql have a MariaDB of
# their own, and say after the report what it cost and how many messages the archives got.
#
# PEER_TLS=off goes without TLS (default: starttls). PEER_LOOPS: Meerkat's event loops (default: its
# own). PEER_BIN: where the built programs are (default: Bazel's folder). PEER_PORT: 27222.
# Needs, for the other servers: apt-get install prosody lua-sec ejabberd (they need not run).
set -eu

server=${1:?which server: relay, meerkat, meerkat-mysql, meerkat-archive, prosody or ejabberd}
scenario=${2:-chat}
shift
[ $# -gt 0 ] && shift

bin=${PEER_BIN:-$(bazel info bazel-bin 2>/dev/null)}
tls=${PEER_TLS:-starttls}
[ "$server" != relay ] || tls=off  # It has none.
case $tls in
off) required=false ;;
starttls) required=true ;;
*) echo "PEER_TLS is starttls or off" >&2 && exit 64 ;;
esac

folder=$(mktemp -d)
port=${PEER_PORT:-27222}
pid=
database_pid=
archive=false
finish() {
  for child in $pid $database_pid; do
    { kill "$child" && wait "$child"; } 2>/dev/null || true
  done
  rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT TERM

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
  -subj /CN=localhost -addext subjectAltName=DNS:localhost \
  -keyout "$folder/key.pem" -out "$folder/certificate.pem" 2>/dev/null
cat "$folder/key.pem" "$folder/certificate.pem" >"$folder/both.pem"
echo "load" >"$folder/password"

start_relay() {
  "$bin/benchmarks/relay/relay" "$port" >"$folder/out" 2>&1 &
  pid=$!
}

# Durable, as an operator's is: each commit is on the disk.
start_database() {
  mariadb-install-db --no-defaults --datadir="$folder/mariadb" --auth-root-authentication-method=normal \
    --skip-test-db >"$folder/install" 2>&1
  mariadbd --no-defaults --datadir="$folder/mariadb" --socket="$folder/mariadb.sock" --skip-networking \
    --pid-file="$folder/mariadb.pid" --innodb-buffer-pool-size=1G --innodb-log-file-size=512M --user="$(id -un)" >"$folder/mariadb.log" 2>&1 &
  database_pid=$!
  tries=0
  until mariadb --no-defaults --socket="$folder/mariadb.sock" -u root -e 'CREATE DATABASE meerkat' 2>/dev/null; do
    tries=$((tries + 1))
    if [ "$tries" -gt 120 ]; then
      echo "MariaDB did not start:" >&2
      cat "$folder/install" "$folder/mariadb.log" >&2
      exit 69
    fi
    sleep 0.25
  done
}

start_meerkat_mysql() {
  [ -n "$database_pid" ] || start_database
  start_meerkat
}

start_meerkat() {
  mysql=
  [ -z "$database_pid" ] || mysql="mysql = { url = \"mysql://root@localhost/meerkat?socket=$folder/mariadb.sock\" }"
  cat >"$folder/meerkat.toml" <<CONFIG
domains = ["localhost"]
loops = ${PEER_LOOPS:-0}
node = { name = "n1" }
tls = { certificate = "$folder/certificate.pem", key = "$folder/key.pem" }
log = { level = "warning" }
storage = { sqlite = "$folder/meerkat.db" }
archive = { enabled = $archive }
$mysql
c2s = { tls_required = $required }
register = { enabled = true }
admin = { token_file = "$folder/token" }
[listen]
c2s = "127.0.0.1:$port"
c2s_tls = "off"
peers = "off"
health = "127.0.0.1:$((port + 1))"
admin = "off"
CONFIG
  "$bin/server/meerkatd" --config="$folder/meerkat.toml" >"$folder/out" 2>&1 &
  pid=$!
}

start_prosody() {
  cat >"$folder/prosody.cfg.lua" <<CONFIG
daemonize = false
run_as_root = true
pidfile = "$folder/prosody.pid"
data_path = "$folder/data"
interfaces = { "127.0.0.1" }
c2s_ports = { $port }
s2s_ports = {}
http_ports = {}
https_ports = {}
modules_enabled = { "roster", "saslauth", "tls", "disco", "register", "smacks", "offline", "ping" }
modules_disabled = { "s2s", "admin_telnet", "admin_shell" }
allow_registration = true
registration_throttle_max = 1000000
authentication = "internal_hashed"
c2s_require_encryption = $required
allow_unencrypted_plain_auth = false
log = { warn = "$folder/log" }
limits = {}
VirtualHost "localhost"
  ssl = { key = "$folder/key.pem", certificate = "$folder/certificate.pem" }
CONFIG
  mkdir -p "$folder/data"
  chmod -R a+rX "$folder"
  prosody --config "$folder/prosody.cfg.lua" >"$folder/out" 2>&1 &
  pid=$!
}

start_ejabberd() {
  cat >"$folder/ejabberd.yml" <<CONFIG
hosts: [localhost]
loglevel: warning
certfiles: ["$folder/both.pem"]
auth_method: internal
auth_password_format: scram
auth_scram_hash: sha256
registration_timeout: infinity
listen:
  - {port: $port, ip: "127.0.0.1", module: ejabberd_c2s, starttls_required: $required, starttls: true,
     max_stanza_size: 262144, shaper: none}
modules:
  mod_register: {ip_access: all, access: all, registration_watchers: []}
  mod_roster: {}
  mod_disco: {}
  mod_ping: {}
  mod_offline: {}
  mod_stream_mgmt: {resend_on_timeout: false}
CONFIG
  mkdir -p "$folder/db" "$folder/logs"
  chmod -R a+rwX "$folder"
  # Its own code as a plain Erlang node, without distribution: nothing outside of the folder.
  code=$(ls -d /usr/lib/*/ejabberd-*/ebin | head -n 1)
  HOME=$folder EJABBERD_CONFIG_PATH=$folder/ejabberd.yml EJABBERD_LOG_PATH=$folder/logs/ejabberd.log \
    erl -noinput -mnesia dir "\"$folder/db\"" -pa "$code" -s ejabberd >"$folder/out" 2>&1 &
  pid=$!
}

start() {
  case $server in
  meerkat-mysql) start_meerkat_mysql ;;
  meerkat-archive) archive=true && start_meerkat_mysql ;;
  *) "start_$server" ;;
  esac
  tries=0
  until ss -Htln "sport = :$port" | grep -q .; do
    tries=$((tries + 1))
    if [ "$tries" -gt 120 ] || ! kill -0 "$pid" 2>/dev/null; then
      echo "$server did not start:" >&2
      cat "$folder/out" >&2
      exit 69
    fi
    sleep 0.25
  done
}
load() {
  "$bin/loadgen/meerkat-load" run "$@" --target="127.0.0.1:$port" --domain=localhost \
    --tls="$tls" --ca="$folder/certificate.pem" --user-password-file="$folder/password" \
    --server-pids="$pid"
}

start
case $server/$scenario in
relay/*) set -- --auth=plain "$@" ;;  # The floor takes any user; the others keep accounts, with SCRAM.
*/login | */idle)
  # What a login costs and what a session weighs, by a process that made no accounts.
  sessions=
  for option; do
    case $option in --sessions=*) sessions=$option ;; esac
  done
  # shellcheck disable=SC2086 # none or one
  load login $sessions --register --duration=1s --ui=off --folder="$folder/accounts" >/dev/null || true
  kill "$pid" && wait "$pid" 2>/dev/null || true
  start
  ;;
*) set -- --register "$@" ;;
esac
# Ticks of 10 ms, user's and system's.
ticks_of() { awk '{print $14 + $15}' "/proc/$1/stat"; }
[ -z "$database_pid" ] || before=$(ticks_of "$database_pid")
code=0
load "$scenario" "$@" || code=$?
if [ -n "$database_pid" ]; then
  archived=$(curl -s "http://127.0.0.1:$((port + 1))/metrics" | awk '/^meerkat_archived_messages_total/ {print $2}')
  echo "database: $(($(ticks_of "$database_pid") - before)) ticks of 10 ms in all; archived rows: $archived"
fi
exit $code
