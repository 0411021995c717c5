"""Adds background jobs to an existing application: `dbjobs init`."""
