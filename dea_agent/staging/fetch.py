"""Fetches a buildpack's zip, inside the sandbox: the agent itself never connects to where a user says.

Run as ``python3 -I -c <this file> <file> <most bytes>``, the address in ``BUILDPACK_URL``; standard library only,
for whatever Python 3 the host has.
"""

import os
import sys
import urllib.request


def main() -> None:
    target, most_bytes = sys.argv[1], int(sys.argv[2])
    size = 0
    with urllib.request.urlopen(os.environ["BUILDPACK_URL"], timeout=60) as answer, open(target, "wb") as file:
        while True:
            chunk = answer.read(256 * 1024)
            if not chunk:
                return
            size += len(chunk)
            if size > most_bytes:
                sys.exit(f"it is larger than {most_bytes} bytes")
            file.write(chunk)


main()
