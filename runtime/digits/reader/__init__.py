"""Finds and reads the symbols of a page: looks, peaks, suppression, lines, lattice."""
