"""The web page and the API: `digits serve`. Needs the extra `serve`.

cli            from options and variables to settings
settings       the options of `digits serve`
limits         sizes, times and counts; part of the settings
probe          health check for containers
server         socket, signals, TLS, uvicorn
addresses      the addresses at which other devices reach this machine
connection     closes connections that are too slow, too large or too many
transport      sends together what is written together
app            the endpoints
middleware     for every request: time limit, metrics, id, security headers
access         allowed hosts and the token
refusals       errors as responses
body           reads bodies and uploads, within limits
form           the picture in a form
v2             the Open Inference Protocol: tensors in, tensors out
batcher        dynamic batching of tensors
picture_queue  queue and batches of pictures for the processes that read them
pictures       what these processes do
metrics        for Prometheus
schemas        the API's JSON, as types
openapi        the API's description
pages          serves the two folders below
page/, docs/   the page to draw on, and the API's documentation: HTML, CSS, JavaScript
"""
