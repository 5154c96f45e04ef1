"""``python -m benchmarks [name ...]``: run all, or those named, and print medians."""

import sys
from importlib import import_module

from benchmarks.report import Figure, show

#: In the order in which they run; each module has ``run() -> list[Figure]``.
ALL = ("cold_start", "startup", "pushing", "healing", "api", "routing", "throughput")
#: Those that need a Docker Engine with the whole stack (``make bench-docker``); only when they are named.
IN_CONTAINERS = ("containers", "staging")
#: Takes four minutes and a gigabyte (``make bench-scale``); only when it is named.
AT_SCALE = ("scale",)


def main(names: list[str]) -> int:
    there_are = ALL + IN_CONTAINERS + AT_SCALE
    unknown = [name for name in names if name not in there_are]
    if unknown:
        print(f"There is no benchmark {', '.join(unknown)}; there are {', '.join(there_are)}.", file=sys.stderr)
        return 2
    figures: list[Figure] = []
    for name in names or ALL:
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        figures += import_module(f"benchmarks.{name}").run()
    path = show(figures, "-".join(names) or "bench")
    print(f"samples: {path}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
