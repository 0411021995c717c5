"""Helps an application's own tests: a database that needs nothing, jobs that run at once or when told, frozen time.

pytest is not needed; with it comes the fixture ``dbjobs_testing`` (dbjobs.testing.pytest_plugin).
"""

from dbjobs.testing.assertions import assert_enqueued, assert_not_enqueued
from dbjobs.testing.clock import Clock, frozen_time
from dbjobs.testing.databases import temporary_database
from dbjobs.testing.draining import drain
from dbjobs.testing.inline import Inline, inline

__all__ = [
    "Clock",
    "Inline",
    "assert_enqueued",
    "assert_not_enqueued",
    "drain",
    "frozen_time",
    "inline",
    "temporary_database",
]
