#!/bin/sh
# What meerkatctl does before it asks a node: command line, secrets, exit codes.
set -u
ctl=$PWD/$1
folder=$(mktemp -d "$TEST_TMPDIR/ctl.XXXXXX")
cd "$folder" || exit 1
failures=0

# expect EXIT PATTERN COMMAND…: runs it and looks at its exit code and output.
expect() {
  wanted=$1 pattern=$2
  shift 2
  output=$("$@" 2>&1 </dev/null)
  code=$?
  if [ "$code" != "$wanted" ] || ! printf '%s' "$output" | grep -q -- "$pattern"; then
    printf 'FAILED: %s\n  exit %s, wanted %s; wanted "%s" in:\n%s\n' \
      "$*" "$code" "$wanted" "$pattern" "$output"
    failures=$((failures + 1))
  fi
}

expect 0 'looks after Meerkat nodes' "$ctl" --help
expect 64 '' "$ctl"
expect 64 '' "$ctl" frobnicate
expect 64 'cannot read absent' "$ctl" --token-file=absent status
printf 'secret\n' >token && chmod 644 token
expect 64 'can be read by everybody' "$ctl" --token-file=token status
chmod 600 token
expect 64 'is not an IP address' "$ctl" --token-file=token --admin=nowhere:1 status
expect 64 'has no unit' "$ctl" --token-file=token wait --for=ready --timeout=5
expect 69 'no answer from 127.0.0.1:1 ' "$ctl" --token-file=token --admin=127.0.0.1:1 status
expect 69 '127.0.0.1:2 ' "$ctl" --token-file=token --admin=127.0.0.1:1 --admin=127.0.0.1:2 nodes
expect 69 '127.0.0.1:2 ' "$ctl" --token-file=token --admin=127.0.0.1:1,127.0.0.1:2 nodes
expect 69 '127.0.0.1:1 ' "$ctl" user remove --token-file=token --admin 127.0.0.1:1 a@b
# A password on the command line could be read by every user of the machine.
expect 64 '' "$ctl" --token-file=token user add a@b --password=x
expect 64 'the password is empty' "$ctl" --token-file=token --admin=127.0.0.1:1 user add a@b
printf 'loops = 1\n' >meerkat.toml
expect 1 'meerkat.toml: error: domains is missing' "$ctl" check config
printf 'domains = ["a"]\n' >meerkat.toml
expect 0 'meerkat.toml: no errors' "$ctl" check config
expect 64 '--to is required' "$ctl" store copy --from=meerkat.toml
expect 64 'absent.toml' "$ctl" store copy --from=meerkat.toml --to=absent.toml
expect 1 'both stores are of one kind' "$ctl" store copy --from=meerkat.toml --to=meerkat.toml

# XEP-0227: accounts as a file.
printf '%s' "<server-data xmlns='urn:xmpp:pie:0'><host jid='a'><user name='juliet' password='x'/>\
<user name='@'/></host></server-data>" >accounts.xml
expect 64 'cannot read absent.xml' "$ctl" store import absent.xml
expect 1 "accounts.xml:1: @@a: the user's name is none" "$ctl" store import accounts.xml
expect 1 'accounts  *0 imported  *1 were there' "$ctl" store import accounts.xml
expect 1 '"whole":false' "$ctl" --output=json store import accounts.xml --strict
expect 0 'accounts  *1$' "$ctl" store export out.xml
expect 1 'cannot make out.xml: File exists' "$ctl" store export out.xml
[ "$(stat -c %a out.xml)" = 600 ] || { echo 'FAILED: an export that others can read'; failures=1; }
expect 0 "<user name='juliet'>" "$ctl" store export -
expect 0 '"was_there":1' sh -c "\"$ctl\" --output=json store import - <out.xml"

[ "$failures" = 0 ]
