#!/bin/sh
# The shell parts: ./meerkat's help and errors, and the counting of tests.
set -eu

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

for script in tools/meerkat tools/lint tools/count_tests tools/nix/run; do
  dash -n "$script" || fail "$script is not POSIX"
done

tools/meerkat help | grep -q '^Usage: ./meerkat COMMAND' || fail "help does not say how to use it"
for command in cluster load bench ctl test lint format; do
  tools/meerkat help | grep -q "^  $command " || fail "help does not name $command"
done
code=0
tools/meerkat explode 2>/dev/null || code=$?
[ "$code" -eq 64 ] || fail "an unknown command ends with $code, not 64"
code=0
tools/meerkat 2>/dev/null || code=$?
[ "$code" -eq 64 ] || fail "no command ends with $code, not 64"

# Two programs: one with a failed case of three, one that crashed and named none.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/a" "$folder/b"
cat > "$folder/a/test.xml" <<'END'
<testsuites tests="4" failures="1" disabled="0" errors="0" name="AllTests">
  <testsuite name="Join" tests="3" failures="1" disabled="0" skipped="0" errors="0" time="0.1">
  </testsuite>
  <testsuite name="Leave" tests="1" failures="0" disabled="0" skipped="0" errors="0" time="0.1">
  </testsuite>
</testsuites>
END
echo '<testsuites></testsuites>' > "$folder/b/test.xml"
event() {
  printf '{"id":{"testResult":{"label":"//x"}},"testResult":{"testActionOutput":[{"name":"test.log","uri":"file:///x/test.log"},{"name":"test.xml","uri":"file://%s"}],"status":"%s"}}\n' "$1" "$2"
}
{ event "$folder/a/test.xml" FAILED && event "$folder/b/test.xml" FAILED; } > "$folder/events"
counted=$(tools/count_tests 3 "$folder/events") && fail "failed tests end with 0"
[ "$counted" = '3 passed, 2 failed' ] || fail "counted: $counted"

sed -i 's/failures="1"/failures="0"/g' "$folder/a/test.xml"
event "$folder/a/test.xml" PASSED > "$folder/events"
counted=$(tools/count_tests 0 "$folder/events") || fail "passed tests end with 1"
[ "$counted" = '4 passed, 0 failed' ] || fail "counted: $counted"
# A target that cannot be built names no case, and yet the run has failed.
counted=$(tools/count_tests 1 "$folder/events") && fail "a failed build ends with 0"
[ "$counted" = '4 passed, 1 failed' ] || fail "counted: $counted"

echo "all good"
