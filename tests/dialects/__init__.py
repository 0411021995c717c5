"""Tests of what one database alone has."""
