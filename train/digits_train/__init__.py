"""Train the networks that `digits` runs."""
