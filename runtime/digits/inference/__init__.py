"""Verify, describe and run model files; the bundled ones are here."""
