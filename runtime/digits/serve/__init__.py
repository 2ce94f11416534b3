"""The web page and the API: `digits serve`. Needs the extra `serve`.

cli            options and variables to settings
settings       how a server is set up
limits         how large, how slow and how many; part of the settings
probe          asks a server of this machine whether it is ready
server         the socket, the signals, TLS, uvicorn
addresses      where other devices find this machine
connection     closes connections that are too slow, too long or too many
app            which address does what
middleware     what holds for every request: its time, its count, its id, the headers of its answer
access         who may ask: hosts and the token
refusals       how a request is refused
body           reads what a client sends, within limits
v2             the Open Inference Protocol: tensors in, tensors out
batcher        runs the network once for the tensors that arrive together
picture_queue  gives pictures that wait together to a process
pictures       what such a process does: what `digits predict --json` and `read --json` print out
metrics        what Prometheus may know
schemas        the JSON of the API, as types
openapi        the API's description
pages          the files of the two below
page/, docs/   the page to draw on, and the API's: HTML, CSS, JavaScript
"""
