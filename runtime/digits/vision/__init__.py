"""Any picture to hypotheses of where its digits are, in MNIST's frame, and the judge of them."""
