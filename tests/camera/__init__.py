"""The synthetic camera: MNIST's digits as people write and photograph them."""

# Of MNIST's validation digits, the first ones: what judges hypotheses was fitted with them
# (tests/benchmarks/fit.py). The others measure it (tests/benchmarks/camera.py).
FITTED = 5000
