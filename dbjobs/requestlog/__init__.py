"""The request log: an ASGI middleware that writes an application's requests to the database in the background."""

from dbjobs.requestlog.agents import Agent
from dbjobs.requestlog.middleware import RequestLog
from dbjobs.requestlog.seen import Seen

__all__ = ["Agent", "RequestLog", "Seen"]
