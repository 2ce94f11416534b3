"""The synthetic camera: pages of numbers as people write and photograph them."""

# The first so many of MNIST's validation digits fit the ranker's weights and the calibration of
# detectors; with the others, benchmarks measure.
FITTED = 5_000
