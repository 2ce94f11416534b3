"""What networks learn from and are measured on: MNIST, own pictures, and what the camera draws."""
