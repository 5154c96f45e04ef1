"""What docs say is what the code has."""

import re
from dataclasses import fields

from chalicelib.core.timers import LOCAL, Timers
from tests.unit.house.test_house import ROOT


def test_every_timer_is_documented_with_its_two_values() -> None:
    rows = re.findall(r"^\| `ZF_(\w+)` \| ([\d.]+) \| ([\d.]+) \|$", (ROOT / "docs" / "local.md").read_text(), re.M)
    written = {name: (float(cloud), float(local)) for name, cloud, local in rows}
    meant = {
        field.name.upper(): (getattr(Timers(), field.name), getattr(LOCAL, field.name)) for field in fields(Timers)
    }
    assert written == meant


def test_links_between_pages_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{page.name}: {target}"
        for page in pages
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []
