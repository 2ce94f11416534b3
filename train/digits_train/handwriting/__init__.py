"""Digits and letters as hands write them, drawn from models of their strokes."""
