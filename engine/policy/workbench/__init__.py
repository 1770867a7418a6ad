"""The workbench: what a security team does to policies before, and beside, they decide.

suite       test suites of policies, in YAML
"""
