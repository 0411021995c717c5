"""How often open pages hear of changes: at once on a calm node, seldom on a busy one, of a short rush at its end."""

from __future__ import annotations

# Four looks a second, so a change is reported within a quarter of one.
LOOK_SECONDS = 0.25
# On a busy node each refresh takes time from its jobs: above this many ends a second, pages are told less often.
BUSY_ENDS_PER_SECOND = 200.0
# Most rushes are over in a moment. Pages hear of one when it is over, or after this time: else they would ask in the
# middle of it, and show a state that is gone before it can be read.
UNTOLD_SECONDS = 1.0
# Until then the looks are this far apart, so that the end of a rush is reported within half a second, too.
SETTLING_SECONDS = 0.2
# Answering pages may then take up this share of the time: the pause is a multiple of what they took since the last
# notice, within these bounds. One cheap page stays fresh, five heavy ones ask seldom.
BUSY_PAUSE_PER_ANSWER = 10.0
BUSY_LOOK_SECONDS, BUSY_LOOK_SECONDS_MOST = 1.0, 5.0


class Rush:
    """Follows how fast jobs end.

    Attributes:
        pause: seconds until the next look.
    """

    def __init__(self) -> None:
        self.pause = LOOK_SECONDS
        self._ended: int | None = None
        self._looked_at = 0.0
        self._since: float | None = None
        self._told = False

    def looked(self, ended: int, now: float, answering_seconds: float) -> bool:
        """Take in a look; True if pages should hear of it.

        Args:
            ended: how many jobs have ended until now.
            now: by ``time.monotonic()``.
            answering_seconds: what answers to open pages took since the last look.
        """
        seconds = max(now - self._looked_at, 1e-3)
        busy = self._ended is not None and (ended - self._ended) / seconds > BUSY_ENDS_PER_SECOND
        self._ended, self._looked_at = ended, now
        if not busy:
            self._since, self._told, self.pause = None, False, LOOK_SECONDS
            return True
        if self._since is None:
            self._since = now
        if now - self._since < UNTOLD_SECONDS:
            self.pause = SETTLING_SECONDS
            return False
        # In the middle while it is unknown what the answers cost.
        wanted = BUSY_PAUSE_PER_ANSWER * answering_seconds if self._told else BUSY_LOOK_SECONDS_MOST / 2
        self._told = True
        self.pause = min(max(wanted, BUSY_LOOK_SECONDS), BUSY_LOOK_SECONDS_MOST)
        return True
