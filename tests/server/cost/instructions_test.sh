#!/bin/sh
# How many instructions a message costs in user space on its way through a loop: what a program that
# sends 1,200 executes more than one that sends 200, by callgrind. No clock is looked at, so a busy
# machine changes nothing. The bound is a tenth above what it was when it was last lowered.
set -eu

program=$1
instructions_max=$2

if grep -q __asan_init "$program" || grep -q __tsan_init "$program"; then
  echo "a sanitizer's build: its instructions are not ours"
  exit 0
fi

executed() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$1" 2>&1 |
    sed -n 's/.*Collected : *\([0-9]*\).*/\1/p'
}

few=$(executed 200)
many=$(executed 1200)
each=$(((many - few) / 1000))
echo "$each instructions a message, of at most $instructions_max"
[ "$each" -gt 100 ] && [ "$each" -le "$instructions_max" ]
