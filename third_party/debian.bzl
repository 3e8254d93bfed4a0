"""Outside libraries as Bazel repositories, each unpacked from pinned Debian packages.

Nothing of the host's /usr/include is used: boost 1.81 and the 1.74 that Debian's Connector/C++
depends on cannot be installed side by side, and a build should not depend on what else is.
"""

load("//third_party:debian.lock.bzl", "PACKAGES")

# A fix that replaces a pinned version removes it from Debian's archive. Then the archive's candidate
# of the same series (3.0 of 3.0.22) is taken, loudly, rather than fail on somebody's fresh machine:
# within a stable release Debian only takes fixes that keep to it.
_FETCH = """
set -eu
package=$1 version=$2 sha256=$3
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/meerkat/debian
mkdir -p "$cache" unpacked
archive=$cache/$sha256.deb
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
series() { upstream=${1#*:}; echo "${upstream%-*}" | cut -d. -f1,2; }
is_pinned() { echo "$sha256  $1" | sha256sum --check --status; }
if ! { [ -f "$archive" ] && is_pinned "$archive"; }; then
  if (cd "$work" && apt-get download -q "$package=$version" >/dev/null 2>&1) && is_pinned "$work"/*.deb; then
    mv "$work"/*.deb "$archive"
  else
    rm -f "$work"/*.deb
    candidate=$(apt-cache policy "$package" | sed -n 's/^ *Candidate: //p')
    if [ "$(series "$candidate")" != "$(series "$version")" ]; then
      echo "meerkat: $package $version is not to be had; Debian offers '${candidate:-nothing}'." >&2
      echo "fix: run apt-get update, or pin the new version with tools/relock.sh" >&2
      exit 1
    fi
    (cd "$work" && apt-get download -q "$package=$candidate" >&2)
    echo "WARNING: meerkat: $package $version was replaced by $candidate in Debian's archive; using that UNPINNED" >&2
    archive=$(echo "$work"/*.deb)
  fi
fi
dpkg-deb -x "$archive" unpacked
"""

def _debian_library_impl(ctx):
    for package in ctx.attr.packages:
        pin = PACKAGES[package]
        result = ctx.execute(["sh", "-c", _FETCH, "fetch", package, pin.version, pin.sha256], timeout = 600)
        if result.return_code != 0:
            fail("cannot fetch %s: %s" % (package, result.stderr))
        if "WARNING" in result.stderr:
            # buildifier: disable=print
            print(result.stderr)
    ctx.symlink(ctx.attr.build_file, "BUILD")

debian_library = repository_rule(
    implementation = _debian_library_impl,
    attrs = {
        "packages": attr.string_list(mandatory = True),
        "build_file": attr.label(mandatory = True),
    },
)
