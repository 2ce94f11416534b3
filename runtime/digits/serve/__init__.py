"""The web page and the API: `digits serve`. Needs the extra `serve`.

A request for a picture comes from api to queue, and from there to a worker, a process of its own.
The folder `page` has the page to draw on.
"""
