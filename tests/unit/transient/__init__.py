"""Transient runs: what Python alone decides. Lanes are in ``tests/conformance/test_transient_lanes.py``."""
