"""Labelled digits: MNIST, folders and tables of pictures."""
