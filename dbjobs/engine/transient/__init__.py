"""Transient runs: commands run now, in this process, and never stored."""
