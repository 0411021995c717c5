"""Signatures by the Standard Webhooks scheme: HMAC-SHA256 over id, time and body."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Sequence

from dbjobs.errors import InvalidOption, NotDelivered

PREFIX = "whsec_"
LEAST_BYTES = 16
# Read where neither the notifier nor anybody else names a secret.
VARIABLE = "DBJOBS_WEBHOOK_SECRET"


class Signer:
    """Signs notices.

    Args:
        secrets: each as ``whsec_`` and base64, as its bytes, or as ``$NAME`` of an environment variable, which is
            read with each notice: a process that only enqueues need not have it. Several while one replaces another.

    Raises:
        InvalidOption: one of them is not a secret.
    """

    def __init__(self, secrets: str | bytes | Sequence[str | bytes] | None) -> None:
        several = [secrets] if isinstance(secrets, str | bytes) else list(secrets or ())
        self._secrets: list[str | bytes] = [
            one if isinstance(one, str) and one.startswith("$") and len(one) > 1 else key_of(one) for one in several
        ]
        self._default = secrets is None

    def headers(self, id: str, timestamp: int, body: bytes) -> dict[str, str]:
        """The headers ``webhook-id``, ``webhook-timestamp`` and, if there is a secret, ``webhook-signature``.

        Raises:
            NotDelivered: the environment has no such secret.
        """
        told = {"webhook-id": id, "webhook-timestamp": str(timestamp)}
        signed = b".".join((id.encode(), str(timestamp).encode(), body))
        signatures = [
            "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in self._keys()
        ]
        return {**told, "webhook-signature": " ".join(signatures)} if signatures else told

    def _keys(self) -> list[bytes]:
        if self._default:
            found = os.environ.get(VARIABLE)
            return [_of_environment(VARIABLE)] if found else []
        return [one if isinstance(one, bytes) else _of_environment(one[1:]) for one in self._secrets]


def _of_environment(name: str) -> bytes:
    secret = os.environ.get(name)
    if not secret:
        raise NotDelivered(f"the environment variable {name}, which is to hold the webhook secret, is not set here")
    try:
        return key_of(secret)
    except InvalidOption as error:
        raise NotDelivered(f"the environment variable {name}: {error}") from None


def key_of(secret: str | bytes) -> bytes:
    """The key of a secret.

    Raises:
        InvalidOption: it is not a secret; the error does not show it.
    """
    if isinstance(secret, str):
        try:
            text = secret.removeprefix(PREFIX)
            key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except (binascii.Error, ValueError):
            raise InvalidOption(
                f"HttpNotifier: a secret is {PREFIX} and base64, bytes, or $NAME of an environment variable"
            ) from None
    elif isinstance(secret, bytes):
        key = secret
    else:
        raise InvalidOption(f"HttpNotifier: a secret is a text or bytes, not a {type(secret).__name__}")
    if len(key) < LEAST_BYTES:
        raise InvalidOption(f"HttpNotifier: a secret has at least {LEAST_BYTES} bytes, not {len(key)}")
    return key
