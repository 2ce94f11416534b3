"""The synthetic camera: MNIST's digits as people write and photograph them."""

# The first so many validation digits of MNIST fit the judge's weights (tests/benchmarks/fit.py);
# the rest measure the result (tests/benchmarks/camera.py).
FITTED = 5000
