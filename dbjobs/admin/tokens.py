"""Tokens that all processes agree on: their key is in the database."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time

from dbjobs.store import repository
from dbjobs.store.repository.rows import Fetcher

SETTING = "admin_key"


class Keeper:
    """Makes and checks tokens. The first process that needs the key makes it; each process reads it once."""

    def __init__(self) -> None:
        self._key: bytes | None = None

    async def key(self, db: Fetcher) -> bytes:
        """The key of this database."""
        if self._key is None:
            self._key = bytes.fromhex(await repository.keep_setting(db, SETTING, secrets.token_hex(32)))
        return self._key

    async def sign(self, db: Fetcher, purpose: str, text: str) -> str:
        """The signature of a text for one purpose; only a holder of the key can make it."""
        key = await self.key(db)
        digest = hmac.new(key, f"{purpose}\x00{text}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    async def fits(self, db: Fetcher, purpose: str, text: str, signature: str) -> bool:
        """Whether the signature is this text's."""
        return hmac.compare_digest((await self.sign(db, purpose, text)).encode(), signature.encode())

    async def seal(self, db: Fetcher, purpose: str, text: str, seconds: float) -> str:
        """The text, sealed for this many seconds: anyone can read it, nobody can change it."""
        body = f"{int(time.time() + seconds)}.{base64.urlsafe_b64encode(text.encode()).decode().rstrip('=')}"
        return f"{body}.{await self.sign(db, purpose, body)}"

    async def unseal(self, db: Fetcher, purpose: str, sealed: str) -> str | None:
        """The text; None if the seal was changed, is too old, or is not one."""
        body, _, signature = sealed.rpartition(".")
        until, _, text = body.partition(".")
        if not body or not await self.fits(db, purpose, body, signature):
            return None
        if int(until) < time.time():
            return None  # signed by us, so it is a number
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
