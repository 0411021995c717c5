"""Real worker processes, real signals, real crashes."""
