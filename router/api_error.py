"""Errors in the API's own shape (Cloud Foundry v3), for what routers and uploaders answer themselves."""

import json


def error(code: int, title: str, detail: str) -> str:
    """One error. Codes and titles are Cloud Foundry's; clients show the detail to people."""
    return json.dumps({"errors": [{"code": code, "title": title, "detail": detail}]})
