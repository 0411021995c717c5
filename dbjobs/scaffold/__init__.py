"""Puts background jobs into an application that exists: `dbjobs init`."""
