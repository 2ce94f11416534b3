"""`digits watch`: read the pictures that arrive in a folder."""
