"""A throwaway Galera cluster: several MariaDB servers that certify each other's commits."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.servers import debian
from tests.servers.cache import cached
from tests.servers.fleet import LeftOut
from tests.servers.mysql import MysqlPrograms, MysqlServer, find_mysql_programs

# The provider, and the scripts that give a joining server its data.
_PACKAGES = ("galera-4", "mariadb-server")


class GaleraCluster:
    """Servers on free loopback ports, each with all of the data.

    Args:
        size: how many.

    Raises:
        LeftOut: on entering, where it cannot be had.
    """

    def __init__(self, size: int = 3) -> None:
        self.nodes: list[GaleraNode] = []
        self._size = size
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        if shutil.which("rsync") is None:
            raise LeftOut("no rsync on this machine, by which a Galera server gets its data")
        try:
            suite = debian.own_suite()
            root = cached(f"galera-{suite}", lambda folder: debian.unpack_alone(suite, _PACKAGES, folder))
            programs = find_mysql_programs("mariadb")
        except Exception as error:
            raise LeftOut(f"no Galera: {error}") from error
        groups = _free_ports(self._size)
        with ExitStack() as closing:
            for number in range(self._size):
                node = GaleraNode(programs, root, groups, number)
                if self.nodes:
                    node.join(self.nodes[0])
                self.nodes.append(closing.enter_context(node))
            self._closing = closing.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing.close()

    def create_database(self, name: str) -> list[str]:
        """Make an empty database; its URL on each server."""
        self.nodes[0].create_database(name)
        return [node.url(name) for node in self.nodes]


class GaleraNode(MysqlServer):
    """One of the servers.

    Args:
        programs: MariaDB's.
        root: where Galera's packages are unpacked.
        groups: the ports at which the servers speak to each other.
        number: which of them is this one's; the first starts the cluster.
    """

    ready = "Synchronized with group, ready for connections"

    def __init__(self, programs: MysqlPrograms, root: Path, groups: Sequence[int], number: int) -> None:
        transfer, whole = _free_ports(2)
        provider = next((root / "usr/lib").rglob("libgalera_smm.so"))
        peers = ",".join(f"127.0.0.1:{port}" for port in groups)
        own = f"127.0.0.1:{groups[number]}"
        super().__init__(
            programs,
            [
                "--wsrep-on=ON",
                f"--wsrep-provider={provider}",
                "--wsrep-cluster-name=dbjobs",
                f"--wsrep-cluster-address=gcomm://{peers}",
                f"--wsrep-node-name=n{number}",
                f"--wsrep-node-address={own}",
                f"--wsrep-sst-receive-address=127.0.0.1:{whole}",
                "--wsrep-sst-method=rsync",
                f"--wsrep-provider-options=gmcast.listen_addr=tcp://{own};ist.recv_addr=127.0.0.1:{transfer};gcache.size=16M",
                "--binlog-format=ROW",
                "--innodb-autoinc-lock-mode=2",
                *(["--wsrep-new-cluster"] if number == 0 else []),
            ],
        )
        self.environment = {"PATH": f"{root}/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        self._joins = False

    def join(self, first: GaleraNode) -> None:
        """Take the users, as all data, from the one that started the cluster."""
        self._password = first._password
        self._joins = True

    def _create(self) -> None:
        super()._create()
        if self._joins:
            (self._directory / "init.sql").write_text("")


def _free_ports(count: int) -> list[int]:
    with ExitStack() as probes:
        return [probes.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(count)]
