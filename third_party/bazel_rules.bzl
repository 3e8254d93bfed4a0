"""Bazel's own rule sets from Debian's packages, so that a build downloads nothing."""

_RULES = "/usr/share/bazel/rules"

def _patched_rules_cc_impl(ctx):
    # rules_cc 0.0.4 asks for use_cpp_toolchain, which Bazel 4.2's toolchain_utils lacks.
    ctx.execute(["cp", "-rL", _RULES + "/cc/.", "."])
    for path in ["cc/private/rules_impl/cc_flags_supplier.bzl", "cc/private/rules_impl/compiler_flag.bzl"]:
        text = ctx.read(path)
        text = text.replace("use_cpp_toolchain()", "[\"@bazel_tools//tools/cpp:toolchain_type\"]")
        text = text.replace(", \"use_cpp_toolchain\"", "")
        ctx.file(path, text)

patched_rules_cc = repository_rule(implementation = _patched_rules_cc_impl, local = False)

def _no_coverage_tools_impl(ctx):
    ctx.file("BUILD", """package(default_visibility = ["//visibility:public"])
filegroup(name = "coverage_report_generator")
filegroup(name = "lcov_merger")
""")

no_coverage_tools = repository_rule(implementation = _no_coverage_tools_impl)
