"""Verify, describe and run model files; the bundled one is here."""
