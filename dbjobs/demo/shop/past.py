"""Invented jobs that have ended: rows of the history, in id order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate

import msgspec

from dbjobs.demo.shop.clock import moments
from dbjobs.demo.shop.kinds import KINDS, Cause, Kind

USERS = tuple(
    f"{name}{number}" for number in ("", "2", "7", "19") for name in ("ann", "bo", "chris", "dana", "eli", "fay", "gül")
)
NODES = (3, 4, 7, 8)
_WAIT_MEDIAN_MS = 45.0


class Ended(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A row of ``completed_job`` or ``failed_job``; columns not named here are NULL."""

    id: int
    ref_id: str | None = None
    parent_id: int | None = None
    worker: str | None
    queue: str
    priority: int = 0
    tag: str | None
    batch_id: str | None = None
    depends_on_policy: str = "completed"
    created_at: datetime
    created_by: str | None
    user_id: str | None
    request_type: str
    command: str
    request: str
    request_body: str
    response: str | None
    response_body: str | None
    state: str
    started_at: datetime
    completed_at: datetime
    retry_limit: int
    on_failure: str = "block"
    attempt: int
    attempt_base: int = 0
    duration_ms: float
    timeout_seconds: float = 600.0
    progress: float | None = None
    status: str | None = None
    error_code: str | None = None
    error: str | None = None
    errors: str | None = None
    args: str | None = None
    meta: str | None = None
    node_id: int


COLUMNS = Ended.__struct_fields__


class Past:
    """Invents jobs; the same ones for the same seed.

    Args:
        seed: of the dice.
        failing: share of jobs that end as failed or cancelled; None: as each kind has it.
    """

    def __init__(self, seed: int = 1, failing: float | None = None) -> None:
        self.dice = random.Random(seed)
        self._failing = failing
        self._shares = list(accumulate(kind.share for kind in KINDS))

    def jobs(self, count: int, since: datetime, until: datetime, *, first_id: int = 1) -> Iterator[Ended]:
        """About this many jobs, created and ended between two moments."""
        for number, created in enumerate(moments(count, since, until, self.dice)):
            (kind,) = self.dice.choices(KINDS, cum_weights=self._shares)
            yield self.job(kind, first_id + number, created)

    def job(self, kind: Kind, id: int, created: datetime, *, ref_id: str | None = None) -> Ended:
        """One job of a kind."""
        dice = self.dice
        number = dice.randint(1000, 99_999)
        failures, cause = self._failures(kind)
        wait_ms = _WAIT_MEDIAN_MS * dice.lognormvariate(0, 1.1) * (30 if dice.random() < 0.02 else 1)
        run_ms = kind.median_ms * dice.lognormvariate(0, kind.spread)
        started = created + timedelta(milliseconds=wait_ms)
        errors: list[str] = []
        text: str | None = None
        for attempt, reason in enumerate(failures, 1):
            text, trace = reason.told(dice)
            errors.append(
                msgspec.json.encode(
                    {
                        "at": (started + timedelta(milliseconds=run_ms)).astimezone(UTC).isoformat(),
                        "attempt": attempt, "node_id": dice.choice(NODES), "code": reason.code, "message": text,
                        "traceback": trace,
                    }
                ).decode()
            )  # fmt: skip
            if attempt < len(failures) or cause is None:
                started += timedelta(seconds=2.0**attempt * 3)
        state = "completed" if cause is None else "cancelled" if cause.cancels else "failed"
        user = dice.choice(USERS)
        return Ended(
            id=id,
            ref_id=ref_id,
            worker=None if kind.worker is None else kind.worker(dice),
            queue=kind.queue,
            tag=kind.tag,
            batch_id=f"import-{created:%Y%m%d}" if kind.command == "import_orders" else None,
            created_at=created,
            created_by="web" if kind.api else "shop",
            user_id=user if kind.api or number % 3 == 0 else None,
            request_type="api" if kind.api else "command",
            command=kind.command,
            request=kind.request_name,
            request_body=kind.request.replace("{}", str(number)),
            response=("ApiResponse" if kind.api else "str") if cause is None else None,
            response_body=kind.response.replace("{}", str(number)) if cause is None else None,
            state=state,
            started_at=started,
            completed_at=started + timedelta(milliseconds=run_ms),
            retry_limit=kind.retry_limit,
            attempt=len(failures) + (cause is None),
            duration_ms=run_ms,
            progress=1.0 if cause is None and kind.median_ms > 1000 else None,
            error_code=None if cause is None else cause.code,
            error=None if cause is None else text,
            errors=f"[{','.join(errors)}]" if errors else None,
            args=f'{{"tenant":"{number % 40}"}}',
            meta='{"release":"2026.11.2"}' if number % 5 == 0 else None,
            node_id=dice.choice(NODES),
        )

    def _failures(self, kind: Kind) -> tuple[list[Cause], Cause | None]:
        """The causes of its failed attempts, and the one that ended the job."""
        dice = self.dice
        causes = kind.causes
        if not causes:
            return [], None
        if self._failing is not None:
            if dice.random() >= self._failing:
                return [], None
        elif dice.random() >= kind.failing:
            return [], None
        (cause,) = dice.choices(causes, [one.weight for one in causes])
        if cause.final:
            return [cause], cause
        if self._failing is None and dice.random() < 0.6:  # it succeeded in the end
            return [cause] * dice.randint(1, max(kind.retry_limit, 1)), None
        return [cause] * (kind.retry_limit + 1), cause
