"""Any picture file to grey pixels, within limits on memory and time."""
