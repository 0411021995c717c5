"""Schedules."""

from __future__ import annotations

from dbjobs.admin.operations import Operations

OPERATIONS = Operations("schedules")
