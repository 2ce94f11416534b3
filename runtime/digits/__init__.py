"""Read handwritten digits with onnxruntime, NumPy and Pillow.

>>> import digits
>>> digits.Classifier().predict("seven.png").digit  # doctest: +SKIP
7
"""

__version__ = "0.1.0"
