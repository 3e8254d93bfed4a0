#!/bin/sh
# `bazel run` starts this among its data.
exec python3 benchmarks/replication/measure/main.py "$@"
