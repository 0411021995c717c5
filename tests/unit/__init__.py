"""Tests of pure functions: no database."""
