"""The databases the tests and benchmarks run on: throwaway servers of our own, or the user's."""

from tests.servers.binaries import find_postgres_binaries
from tests.servers.postgres import PostgresServer
from tests.servers.targets import Fleet, LeftOut, Target, TargetSource, available_targets

__all__ = [
    "Fleet",
    "LeftOut",
    "PostgresServer",
    "Target",
    "TargetSource",
    "available_targets",
    "find_postgres_binaries",
]
