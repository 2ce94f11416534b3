"""The supported picture formats, for those who can do without Pillow."""

# What cameras, scanners and drawing programs write. Pillow's other formats stay disabled: some
# run programs (EPS runs Ghostscript).
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")

# What folders are searched for. A file given by name is opened whatever its suffix.
SUFFIXES = {".bmp", ".gif", ".jpg", ".jpeg", ".png", ".pgm", ".ppm", ".tif", ".tiff", ".webp"}
