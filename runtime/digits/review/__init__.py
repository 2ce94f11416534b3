"""`digits review`: a page that shows what is worth a look, and stores labels."""
