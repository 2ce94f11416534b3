"""`digits fields`: a page to lay out a form, and its sheets as a PDF. Needs the extra `fields`."""
