"""The way of a picture: any file to grey pixels, ink, strokes, and digits in MNIST's frame.

Bounds that name no origin were set by looking at real photographs (tests/benchmarks/photos.py).
"""
