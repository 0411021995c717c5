"""Jobs."""

from __future__ import annotations

from dbjobs.admin.api import job_acting, job_editing, job_export, job_family, job_finding, job_looking, job_stack
from dbjobs.admin.operations import Operations

OPERATIONS = Operations("jobs")
for module in (job_finding, job_export, job_looking, job_family, job_acting, job_editing, job_stack):
    OPERATIONS.all += module.OPERATIONS.all
