"""A fuzz target that replays its corpus as a plain test, and explores under --config=fuzz."""

load("@rules_cc//cc:defs.bzl", "cc_test")

def fuzz_target(name, srcs, corpus, deps):
    cc_test(
        name = name,
        srcs = srcs,
        args = ["$(locations %s)" % file for file in corpus],
        data = corpus,
        linkopts = select({
            "//tests/fuzz:explore": ["-fsanitize=fuzzer"],
            "//conditions:default": [],
        }),
        deps = deps + select({
            "//tests/fuzz:explore": [],
            "//conditions:default": ["//tests/fuzz:replay_main"],
        }),
    )
