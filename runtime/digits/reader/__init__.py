"""Finds and reads the numbers of a page: pyramid, lines, looks, texts."""
