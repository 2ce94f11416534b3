"""The web page and the API: `digits serve`. Needs the extra `serve`.

server       the socket, the signals, uvicorn
addresses    where other devices find this machine
connection   closes connections that are too slow, too long or too many
app          which address does what
guard        what holds for every request: its time, its count, the headers of its answer
limits       how large, how slow and how many
body         reads what a client sends, within bounds
v2           the Open Inference Protocol: tensors in, tensors out
batcher      runs the network once for the requests that arrive together
pictures     a picture in, what `digits predict --json` and `digits read --json` print out
metrics      what Prometheus may know
openapi      the API's description
page/        the page: HTML, CSS, JavaScript
"""
