"""Digits whose labels are known: MNIST, folders and tables; and how well they are read."""
