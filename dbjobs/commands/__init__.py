"""Handlers: their signatures, options and requests."""
