"""What the request log has: ``jobs.requests``. The middleware that fills it is ``dbjobs.requestlog.RequestLog``."""

from dbjobs.requests.admin import RequestAdmin
from dbjobs.requests.filters import RequestFilter, StatKind
from dbjobs.requests.keys import hash_of
from dbjobs.requests.results import BUCKETS_MS, LoggedRequest, RequestCounts, RequestPage, RequestStat

__all__ = [
    "BUCKETS_MS",
    "LoggedRequest",
    "RequestAdmin",
    "RequestCounts",
    "RequestFilter",
    "RequestPage",
    "RequestStat",
    "StatKind",
    "hash_of",
]
