#!/bin/sh
# Runs a meerkat-load scenario against another XMPP server from Debian, on loopback, in a folder of
# its own: the generator is honest only if servers that we did not write pass its audit too.
#
#   benchmarks/peers/run.sh prosody|ejabberd MEERKAT_LOAD [SCENARIO [OPTION…]]
#
# Needs: apt-get install prosody lua-sec ejabberd openssl (their services need not run).
set -eu

server=${1:?which server: prosody or ejabberd}
load=${2:?the meerkat-load program}
scenario=${3:-chat}
shift 2
[ $# -gt 0 ] && shift

folder=$(mktemp -d)
port=${PEER_PORT:-27222}
pid=
finish() {
  [ -n "$pid" ] && kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
  rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT TERM

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
  -subj /CN=localhost -addext subjectAltName=DNS:localhost \
  -keyout "$folder/key.pem" -out "$folder/certificate.pem" 2>/dev/null
cat "$folder/key.pem" "$folder/certificate.pem" >"$folder/both.pem"
echo "load" >"$folder/password"

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
c2s_require_encryption = true
log = { warn = "$folder/log" }
limits = {}
VirtualHost "localhost"
  ssl = { key = "$folder/key.pem", certificate = "$folder/certificate.pem" }
CONFIG
  mkdir "$folder/data"
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
  - {port: $port, ip: "127.0.0.1", module: ejabberd_c2s, starttls_required: true,
     max_stanza_size: 262144, shaper: none}
modules:
  mod_register: {ip_access: all, access: all, registration_watchers: []}
  mod_roster: {}
  mod_disco: {}
  mod_ping: {}
  mod_offline: {}
  mod_stream_mgmt: {resend_on_timeout: false}
CONFIG
  mkdir "$folder/db" "$folder/logs"
  chmod -R a+rwX "$folder"
  # Its own code as a plain Erlang node, without distribution: nothing outside of the folder.
  code=$(ls -d /usr/lib/*/ejabberd-*/ebin | head -n 1)
  HOME=$folder EJABBERD_CONFIG_PATH=$folder/ejabberd.yml EJABBERD_LOG_PATH=$folder/logs/ejabberd.log \
    erl -noinput -mnesia dir "\"$folder/db\"" -pa "$code" -s ejabberd >"$folder/out" 2>&1 &
  pid=$!
}

"start_$server"
tries=0
until openssl s_client -connect "127.0.0.1:$port" -starttls xmpp -xmpphost localhost \
  </dev/null >/dev/null 2>&1; do
  tries=$((tries + 1))
  if [ "$tries" -gt 60 ] || ! kill -0 "$pid" 2>/dev/null; then
    echo "$server did not start:" >&2
    cat "$folder/out" >&2
    exit 69
  fi
  sleep 0.5
done

"$load" run "$scenario" --target="127.0.0.1:$port" --domain=localhost \
  --ca="$folder/certificate.pem" --register --user-password-file="$folder/password" \
  --server-pids="$pid" "$@"
