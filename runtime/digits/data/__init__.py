"""Labelled digits: folders and tables of pictures."""
