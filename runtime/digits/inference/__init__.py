"""Model files: the one that comes with the package, and what opens, checks and describes them."""
