"""A small FastAPI app that shows where it runs; its dependencies stand in pyproject.toml."""

import os

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
def hello() -> dict[str, str]:
    return {"hello": "python-fastapi", "instance": os.environ.get("CF_INSTANCE_INDEX", "0")}
