"""The figures of a run, what they must show, and how they are told."""
