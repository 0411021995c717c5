"""The notifier for ``http`` and ``https``: tells a URL of the end of a job (extra ``webhooks``)."""

try:
    import httpcore2 as _  # noqa: F401
except ImportError as error:
    raise ImportError("dbjobs.webhooks needs the package httpcore2: pip install 'dbjobs[webhooks]'") from error

from dbjobs.webhooks.notifier import HttpNotifier

__all__ = ["HttpNotifier"]
