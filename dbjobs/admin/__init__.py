"""The admin page and its API: an ASGI application over one ``Jobs`` object (``jobs.admin(...)``)."""

from dbjobs.admin.application import make_application
from dbjobs.admin.settings import AdminOptions
from dbjobs.admin.visitor import ALL_VERBS, Authorize, Verb, Visitor

__all__ = ["ALL_VERBS", "AdminOptions", "Authorize", "Verb", "Visitor", "make_application"]
