"""Writes outcomes and, when the database refuses, tells a job's own fault from the database's."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from dbjobs.engine.attempt import Attempt
from dbjobs.errors import DatabaseUnavailable, DataRefused, LockTimeout, TransactionConflict
from dbjobs.store.database import Database
from dbjobs.store.records import Outcome
from dbjobs.store.transactions.settlement import Settlement, Settling

log = logging.getLogger("dbjobs")

UNSTORABLE = "unstorable"
# A database that has refused this many parts of a set and taken none refuses everything.
REFUSALS_TO_BELIEVE = 7
# When it takes others, the refused ones are searched for, but not for ever.
MOST_REFUSALS = 100
# A value that cannot be stored: the database has said so, or the driver could not even send it.
_ABOUT_DATA = (DataRefused, TypeError, ValueError, OverflowError)
# The database takes nothing at all now.
_ABOUT_ALL = (DatabaseUnavailable, TransactionConflict)

Entry = tuple[Attempt, Outcome]


class Part:
    """Outcomes of one node id that are written together.

    Attributes:
        entries: outcomes to be written, by job id.
    """

    def __init__(self, node_id: int, entries: Iterable[Entry], *, in_doubt: bool = False) -> None:
        self.node_id = node_id
        self.entries = {entry[1].id: entry for entry in entries}
        self.settling = Settling(node_id, node_id, (outcome for _, outcome in self.entries.values()), in_doubt=in_doubt)

    def halves(self) -> tuple[Part, Part]:
        """The outcomes that are not written yet, in two halves."""
        left = [self.entries[id] for id in self.settling.left()]
        middle = len(left) // 2
        in_doubt = self.settling.in_doubt
        return (
            Part(self.node_id, left[:middle], in_doubt=in_doubt),
            Part(self.node_id, left[middle:], in_doubt=in_doubt),
        )

    def written(self) -> list[Entry]:
        """The outcomes that are written or known to be lost."""
        left = set(self.settling.left())
        return [entry for id, entry in self.entries.items() if id not in left]


def parts_of(entries: Iterable[Entry]) -> list[Part]:
    """One part for each node id in whose name outcomes are to be written."""
    entries = list(entries)
    nodes = {attempt.node_id for attempt, _ in entries}
    if len(nodes) == 1:
        return [Part(nodes.pop(), entries)]
    by_node: dict[int, list[Entry]] = {}
    for entry in entries:
        by_node.setdefault(entry[0].node_id, []).append(entry)
    return [Part(node_id, entries) for node_id, entries in by_node.items()]


class Pass:
    """One try to write some parts. Only an error about a job's own data becomes that job's failure.

    Args:
        settled: called with entries that are written, and what came of it.

    Attributes:
        refused: parts that are still to be written.
        error: why; None if everything is written.
        took_some: the database has taken a part, so it is not at fault as a whole.
        hopeless: it takes nothing at the moment.
    """

    def __init__(self, settled: Callable[[Sequence[Entry], Settlement], None]) -> None:
        self._settled = settled
        self.refused: list[Part] = []
        self.error: Exception | None = None
        self.took_some = False
        self.hopeless = False

    async def run(self, db: Database, parts: Iterable[Part]) -> None:
        """Write the parts, dividing those that are refused, first halves first."""
        waiting = deque(parts)
        refusals = 0
        while waiting:
            part = waiting.popleft()
            try:
                settlement = await part.settling.run(db)
            except LockTimeout as error:
                # Rows that another transaction has locked wait for their own turn; the rest of this part is written.
                self.error, self.took_some = error, True
                self._report(part)
                self.refused.append(part)
            except _ABOUT_ALL as error:
                self.error, self.hopeless = error, True
                self.refused += [part, *waiting]
                return
            except Exception as error:
                refusals += 1
                self.error = error
                self._report(part)
                about_data = isinstance(error, _ABOUT_DATA)
                left = part.settling.left()
                if len(left) > 1 and (about_data or self.took_some or refusals < REFUSALS_TO_BELIEVE):
                    if refusals < MOST_REFUSALS or about_data:
                        waiting.extend(part.halves())
                        continue
                elif len(left) == 1 and about_data and part.entries[left[0]][1].error_code != UNSTORABLE:
                    waiting.append(_told_instead(part, part.entries[left[0]], error))
                    continue
                self.refused.append(part)
                if refusals >= REFUSALS_TO_BELIEVE and not self.took_some and not about_data:
                    self.refused += waiting
                    return
            else:
                self.took_some = True
                self._settled([*part.entries.values()], settlement)
        if not self.refused:
            self.error = None

    def _report(self, part: Part) -> None:
        """A part that is refused may be half written."""
        written = part.written()
        if written:
            self.took_some = True
            self._settled(written, part.settling.so_far())
            for _, outcome in written:
                del part.entries[outcome.id]


def _told_instead(part: Part, entry: Entry, error: Exception) -> Part:
    """Fail the job, because its handler's response cannot be stored."""
    attempt, outcome = entry
    log.error("job %s: its outcome cannot be stored: %s", outcome.id, error)
    text = f"the outcome of this job could not be stored: {error}".encode("ascii", "replace").decode()[:500]
    failure = Outcome(
        id=outcome.id,
        attempt=outcome.attempt,
        kind="failed",
        error_code=UNSTORABLE,
        error=text.replace("\0", "?"),
        release_worker=outcome.release_worker or outcome.block_worker,
    )
    return Part(part.node_id, [(attempt, failure)], in_doubt=part.settling.in_doubt)
