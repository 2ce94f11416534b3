"""How much a client may ask for. Beyond, it gets a sentence and one of these status codes.

408  the request didn't arrive in time
413  it is larger than these limits
415  it is compressed
422  it is well-formed, but no picture, or not the tensor that the model takes
429  too much is waiting already
503  the answer wasn't ready in time, or took too much memory
"""

PICTURE_BYTES = 16 << 20
TENSOR_BYTES = 2 << 20  # the largest batch as JSON, with blanks
FORM_BYTES = 64 << 10  # what a form has around its picture
BODIES_BYTES = 128 << 20  # of all requests that are in memory at the same time
HEAD_BYTES = 256 << 10  # all of a request that isn't body

BATCH = 256  # digits in a request, and in a run of the network
WAITING_DIGITS = 16_384  # in requests that wait for a run: 12 MB
PIXELS = 25_000_000  # of a picture: a quarter of what a file may have, for there are many
PICTURE_MEMORY = 450 << 20  # bytes: what the most costly kind takes of that size, WebP
WAITING_PICTURES = 32
CONNECTIONS = 1_000

HEAD_SECONDS = 10.0
BODY_SECONDS = 30.0
ANSWER_SECONDS = 30.0
PICTURE_SECONDS = 20.0  # of those, without the time that it waits for its turn
READ_SECONDS = 30.0  # that a client may take to read its answer
IDLE_SECONDS = 30  # between two requests of a connection
