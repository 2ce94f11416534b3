"""What the pages of `digits serve`, `review` and `form edit` share; it knows no network.

server opens a socket; a request comes from there through application to a page's route, which takes
its body from requests. pages answers with the page itself.
"""
