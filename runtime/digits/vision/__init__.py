"""Grey pixels to hypotheses of where the one digit is, in the frame of MNIST, and their judge."""
