"""The one digit of a picture: hypotheses of where it is, what the networks say, and a ranker."""
