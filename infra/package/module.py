"""``python -m infra.package.module``: chalice.tf.json and api.json of modules/control_plane, as Chalice sees app.py.

They are committed, so that Terraform needs nothing of ours to read them; a test compares them with the code.
"""

import json
import tempfile
from pathlib import Path

from infra.package import chalice, gateway, terraform
from infra.package.build import TOPOLOGY

MODULE = chalice.ROOT / "infra" / "terraform" / "modules" / "control_plane"


def files() -> dict[str, str]:
    """File name -> text. Asks Chalice; takes a second or two."""
    with tempfile.TemporaryDirectory() as scratch:
        project = Path(scratch, "project")
        project.mkdir()
        chalice.project(project, TOPOLOGY)
        document = chalice.package(project, Path(scratch, "made"))
    binary_types = document["resource"]["aws_api_gateway_rest_api"]["rest_api"]["binary_media_types"]
    described = gateway.described(json.loads(terraform.swagger_of(document)), binary_types)
    return {
        "chalice.tf.json": json.dumps(terraform.current(document, TOPOLOGY), indent=2) + "\n",
        "api.json": gateway.text(described),
    }


def write() -> None:
    for name, text in files().items():
        (MODULE / name).write_text(text)


if __name__ == "__main__":
    write()
