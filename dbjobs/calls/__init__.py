"""The calls of a ``Jobs`` object, by what they are for."""
