"""The web page and the API: `digits serve`. Needs the extra `serve`.

server starts listener's socket and app; a request comes through connection and application to an
endpoint of app. The folder is the page to draw on.
"""
