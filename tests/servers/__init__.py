"""The databases the tests and benchmarks run on: throwaway servers of our own, or the user's."""

from tests.servers.binaries import find_postgres_binaries
from tests.servers.fleet import Fleet, LeftOut, Target, TargetSource
from tests.servers.mysql import MysqlServer, find_mysql_programs
from tests.servers.postgres import PostgresServer
from tests.servers.targets import available_targets, make_server
from tests.servers.throwaway import ThrowawayServer

__all__ = [
    "Fleet",
    "LeftOut",
    "MysqlServer",
    "PostgresServer",
    "Target",
    "TargetSource",
    "ThrowawayServer",
    "available_targets",
    "find_mysql_programs",
    "find_postgres_binaries",
    "make_server",
]
