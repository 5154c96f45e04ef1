"""A small Flask app that shows where it runs."""

import json
import os

from flask import Flask, jsonify

app = Flask(__name__)
APPLICATION = json.loads(os.environ.get("VCAP_APPLICATION", "{}"))


@app.get("/")
def hello():
    index = os.environ.get("CF_INSTANCE_INDEX", "0")
    return f"Hello from {APPLICATION.get('application_name', 'python-flask')}, instance {index}\n"


@app.get("/env")
def env():
    """What the platform tells an app; credentials are nobody else's business."""
    return jsonify(
        instance_index=os.environ.get("CF_INSTANCE_INDEX"),
        instance_guid=os.environ.get("CF_INSTANCE_GUID"),
        memory_limit=os.environ.get("MEMORY_LIMIT"),
        port=os.environ.get("PORT"),
        uris=APPLICATION.get("application_uris", []),
    )


@app.get("/crash")
def crash():
    """Ends the process at once, as a crash would."""
    os._exit(1)
