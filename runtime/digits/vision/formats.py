"""The picture formats that are read."""

# What cameras, scanners and drawing programs write. Other formats of Pillow stay shut: some start
# programs (EPS runs Ghostscript).
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")

# What folders are searched for. A file that is named is opened whatever it is called.
SUFFIXES = {".bmp", ".gif", ".jpg", ".jpeg", ".png", ".pgm", ".ppm", ".tif", ".tiff", ".webp"}
