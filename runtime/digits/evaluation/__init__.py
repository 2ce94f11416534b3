"""How well networks read labelled digits, pages and numbers, and which answers are accepted."""
