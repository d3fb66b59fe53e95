"""The web page on which a person chooses between mattes, and the server behind it.

Needs the extra ``annotate`` (FastAPI, uvicorn). `server.create_app` is the application, `server.serve` runs it.
"""
