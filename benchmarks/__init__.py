"""Figures of docs/results.md: ours, beside those of the alternatives."""
