"""`digits review`: a page that shows pictures of doubtful digits and numbers, and stores labels."""
