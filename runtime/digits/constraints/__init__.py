"""What a number must satisfy: its length, a pattern, a check digit, a list, a range."""
