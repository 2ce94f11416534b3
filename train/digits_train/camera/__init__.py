"""The synthetic camera: pages of numbers as people write and photograph them."""
