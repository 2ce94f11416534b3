"""What networks learn: to classify digits, or to find the symbols of a page."""
