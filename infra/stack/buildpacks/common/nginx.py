"""Fills in an app's nginx.conf, to standard output. Run as ``nginx.py CONF WORK``.

What the app leaves to the platform is written in double braces: ``{{port}}``, ``{{env "NAME"}}``, ``{{nameservers}}``,
``{{module "ngx_..."}}``. What nginx needs in order to run as an ordinary user in the foreground is added, unless the
app has its own mind about it; temporary files go to the folder WORK.
"""

import os
import re
import sys

MODULES = "/usr/lib/nginx/modules"
KNOWN = '{{port}}, {{env "NAME"}}, {{nameservers}} and {{module "NAME"}}'
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def nameservers():
    with open("/etc/resolv.conf", encoding="utf-8") as file:
        found = re.findall(r"(?m)^nameserver\s+(\S+)", file.read())
    return " ".join(f"[{address}]" if ":" in address else address for address in found)


def filled(text):
    def value(match):
        name, argument = match[1], match[2]
        if name == "port":
            return os.environ["PORT"]
        if name == "env" and argument:
            return os.environ.get(argument, "")
        if name == "module" and argument:
            return f"load_module {MODULES}/{argument}.so;"
        if name == "nameservers":
            return nameservers()
        sys.exit(f"nginx.conf has {match[0]}; known are {KNOWN}")

    return re.sub(r'\{\{\s*(\w+)(?:\s+"([^"]*)")?\s*\}\}', value, text)


def completed(text, work):
    said = set(re.findall(r"(?m)(?:^|[;{}])\s*(\w+)\s", re.sub(r"(?m)^\s*#.*", "", text)))
    top = {"daemon": "off", "pid": f"{work}/nginx.pid", "error_log": "stderr"}
    # The router writes an access line for every request.
    inner = {"access_log": "off"} | {f"{name}_temp_path": f"{work}/{name}" for name in TEMPORARY}

    def lines(wanted):
        return " ".join(f"{name} {value};" for name, value in wanted.items() if name not in said)

    return lines(top) + "\n" + re.sub(r"(?m)^(\s*http\s*\{)", lambda match: f"{match[1]} {lines(inner)}", text, count=1)


with open(sys.argv[1], encoding="utf-8") as _file:
    print(completed(filled(_file.read()), sys.argv[2]))
