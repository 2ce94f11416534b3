"""`digits form edit`: a page to lay out a form."""
