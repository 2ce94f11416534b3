"""The synthetic camera: pages of numbers as people write and photograph them."""

# Of MNIST's validation digits, this many fit calibrations.
# The benchmarks measure with the others.
FITTED = 5_000
