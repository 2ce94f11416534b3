"""The one digit of a picture: its ink, the connected pieces, and the frame of a network."""
