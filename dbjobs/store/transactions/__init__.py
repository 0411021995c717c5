"""Several statements that must be atomic, and what repeats them."""
