"""The demo: a small program whose jobs count the words of real files (read `wordcount.py`)."""
