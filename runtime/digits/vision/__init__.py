"""The way of a picture: any file to grey pixels, ink, strokes, and digits in MNIST's frame."""
