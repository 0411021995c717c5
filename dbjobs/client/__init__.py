"""What an open `Jobs` does: enqueue, wait, intervene."""
