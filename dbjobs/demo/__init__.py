"""The demo: a small program that counts the words of real files with jobs (`wordcount.py` is the one to read)."""
