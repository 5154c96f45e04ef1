"""The tables of docs/cost.md: installations of five sizes, what makes up their bill, and what would lower it. Pure."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from chalicelib.core.timers import Timers
from infra.cost.limits import LARGE, limits
from infra.cost.model import CONTROL, HOSTS, Choices, Entry, Model, Scenario, causes, control, lines

HERE = Path(__file__).parent

#: docs/cost.md says how each is meant.
SCENARIOS = (
    Scenario("no hosts", 0, 0, 0),
    Scenario("idle", 0, 1, 1),
    Scenario("10", 10, 1, 1),
    Scenario("1,000", 1_000, 50, 3, dea_host="m7g.large", router_host="c7g.large", zones=3, disk_gb=60),
    Scenario("100,000", 100_000, 400, 12, dea_host="r7g.4xlarge", router_host="c7g.large", zones=3, disk_gb=500),
)

#: USD a month at list price: scenario -> what its control plane is to cost at most.
AIMS = {"idle": 1.50, "1,000": 40.0}

#: What would lower the bill: name -> (choices, timers) from what they are.
Lever = Callable[[Choices, Timers], tuple[Choices, Timers]]
LEVERS: dict[str, Lever] = {
    "`ZF_REGISTER_S=40` (20)": lambda c, t: (c, replace(t, register_s=40)),
    "`ZF_USAGE_INTERVAL_S=60` (30)": lambda c, t: (c, replace(t, usage_interval_s=60)),
    "no alarms, no metrics": lambda c, t: (replace(c, alarms=0, has_metrics=False), t),
}


@cache
def documents() -> dict[str, Any]:
    paths = {"rates": HERE / "rates.json", "prices": HERE / "prices.json", "topology": HERE.parent / "topology.json"}
    return {name: json.loads(path.read_text()) for name, path in paths.items()}


def model(choices: Choices | None = None, timers: Timers | None = None) -> Model:
    return Model(**documents(), timers=timers or Timers(), choices=choices or Choices())


def tables() -> str:
    """All of them in Markdown."""
    bills = [model().entries(scenario) for scenario in SCENARIOS]
    return "\n".join((_lines(bills), _causes(bills), _levers()))


def limit_table() -> str:
    """Of docs/scale.md: what is met first comes first."""
    found = sorted(limits(model()), key=lambda limit: -limit.share(LARGE))
    rows = [
        (
            limit.name,
            f"{limit.quota:,.0f} {limit.unit}".strip(),
            f"{limit.need(LARGE):,.3g}" if limit.need(LARGE) < 1000 else f"{limit.need(LARGE):,.0f}",
            f"{limit.share(LARGE):.0%}" if limit.share(LARGE) >= 0.01 else "< 1%",
            "never" if (deas := limit.met_at(LARGE)) is None else f"{deas:,}",
            limit.remedy,
        )
        for limit in found
    ]
    return _table(("limit", "allows", "needed", "share", "met at, DEAs", "what to do"), rows)


def after_free(entries: Sequence[Entry]) -> float:
    """The control plane's bill where it alone uses what AWS gives an account for nothing."""
    prices, used = documents()["prices"]["prices"], dict[str, float]()
    for entry in entries:
        if entry.line in CONTROL:
            used[entry.price] = used.get(entry.price, 0.0) + entry.quantity
    paid = {name: max(0.0, amount - float(prices[name].get("free", 0))) for name, amount in used.items()}
    return sum(amount * float(prices[name]["usd"]) for name, amount in paid.items())


def _lines(bills: Sequence[list[Entry]]) -> str:
    found = [lines(bill) for bill in bills]
    rows = [(name, *(_usd(each[name]) for each in found)) for name in CONTROL]
    rows.append(("**control plane**", *(f"**{_usd(control(bill))}**" for bill in bills)))
    rows.append(("aim", *(_usd(AIMS[each.name]) if each.name in AIMS else "" for each in SCENARIOS)))
    rows.append(("... with AWS's free tier", *(_usd(after_free(bill)) for bill in bills)))
    rows += [(name, *(_usd(each[name]) for each in found)) for name in HOSTS]
    rows.append(("**hosts and their network**", *(f"**{_usd(sum(each[n] for n in HOSTS))}**" for each in found)))
    return _table(("USD a month", *(scenario.name for scenario in SCENARIOS)), rows)


def _causes(bills: Sequence[list[Entry]]) -> str:
    found = [causes(bill) for bill in bills]
    names = sorted({name for each in found for name in each}, key=lambda name: -found[3].get(name, 0.0))
    rows = [(name, *(_usd(each.get(name, 0.0)) for each in found)) for name in names]
    return _table(("control plane by cause", *(scenario.name for scenario in SCENARIOS)), rows)


def _levers() -> str:
    def bills(choices: Choices, timers: Timers) -> list[str]:
        built = model(choices, timers)
        return [_usd(control(built.entries(scenario))) for scenario in SCENARIOS]

    rows = [("as it is", *bills(Choices(), Timers()))]
    rows += [(name, *bills(*lever(Choices(), Timers()))) for name, lever in LEVERS.items()]
    choices, timers = Choices(), Timers()
    for lever in LEVERS.values():
        choices, timers = lever(choices, timers)
    rows.append(("all of these", *bills(choices, timers)))
    return _table(("control plane with one change", *(scenario.name for scenario in SCENARIOS)), rows)


def _usd(amount: float) -> str:
    return f"{amount:,.2f}" if amount < 100 else f"{amount:,.0f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    # Numbers to the right.
    rule = ["---:" if rows[0][column][:1].isdigit() else "---" for column in range(len(head))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows)) + "\n"
