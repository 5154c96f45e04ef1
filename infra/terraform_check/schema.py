"""What Terraform's AWS provider accepts, read out of cdktf-cdktf-provider-aws (PyPI), which was generated from it.

Its JavaScript (in the archive ``_jsii/*.jsii.tgz`` of the package) has the arguments' names, types and nesting
(``synthesizeHclAttributes`` and the functions ``...ToHclTerraform``) and the attributes that only the provider sets
(getters); its declarations (``.d.ts``) say what is required. What it does not have: allowed values, conflicts, and
which optional arguments the provider fills in.
"""

import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: Optional arguments that the provider fills in when they are not given.
FILLED_IN = frozenset({"id", "arn", "name", "region", "tags_all", "availability_zone", "policy", "bucket"})

TYPES = {"string": "string", "number": "number", "boolean": "bool", "any": "dynamic"}
GETTERS = {
    "StringAttribute": "string",
    "NumberAttribute": "number",
    "BooleanAttribute": "bool",
    "ListAttribute": ["list", "string"],
    "NumberListAttribute": ["list", "number"],
    "StringMapAttribute": ["map", "string"],
    "NumberMapAttribute": ["map", "number"],
    "BooleanMapAttribute": ["map", "bool"],
}

ARGUMENT = re.compile(
    r"^ +(\w+): \{\n +value: (.*),\n +isBlock: (true|false),\n +type: \"(\w+)\",\n +storageClassType: \"(\w+)\",", re.M
)
FUNCTION = re.compile(r"^function (\w+)ToHclTerraform\(struct\) \{(.*?)^\}", re.M | re.S)
CLASS = re.compile(r"^class (\w+) extends cdktf\.(\w+) \{(.*?)^\}", re.M | re.S)
SYNTHESIZED = re.compile(r"^    synthesizeHclAttributes\(\) \{(.*?)^    \}", re.M | re.S)
GETTER = re.compile(r"return (cdktf\.Fn\.tolist\()?this\.get(\w+)\('(\w+)'\)")
NESTED = re.compile(
    r"// (\w+) - computed: true, optional: false, required: false\n +this\.\w+ = new (\w+)\(this, \"\w+\""
)
INTERFACE = re.compile(r"^export interface (\w+)[^{\n]*\{(.*?)^\}", re.M | re.S)
PROPERTY = re.compile(r"#(\w+) [\w#]+\}[^/]*?\*/\s+readonly \w+(\??):")
RESOURCE = re.compile(r"terraformResourceType: '(\w+)'")
VERSION = re.compile(r"providerVersion: '([\d.]+)'")
MAPPER = re.compile(r"(\w+)ToHclTerraform\b")

Block = dict[str, Any]


def read(archive: Path) -> dict[str, Any]:
    """``{"version", "provider": block, "resources": {type: block}, "data": {type: block}}``.

    A block: ``{"attributes": {name: [type, flags]}, "blocks": {name: {"nesting", "min", "max", "block"}}}``; types in
    Terraform's own JSON, flags of r(equired), o(ptional), c(omputed).
    """
    found: dict[str, Any] = {"resources": {}, "data": {}}
    for javascript, declarations in _modules(archive):
        classes = {name: (base, body) for name, base, body in CLASS.findall(javascript)}
        main = next((name for name, (base, _) in classes.items() if base.startswith("Terraform")), None)
        if main is None:
            continue
        module = Module(javascript, declarations, classes)
        base, body = classes[main]
        block = module.main(main, body)
        if base == "TerraformProvider":
            found["provider"] = block
            found["version"] = _only(VERSION, body)
        else:
            found["resources" if base == "TerraformResource" else "data"][_only(RESOURCE, body)] = block
    return found


def _modules(path: Path) -> Iterator[tuple[str, str]]:
    """(JavaScript, declarations) of every module of the package."""
    texts: dict[str, list[str]] = {}
    with tarfile.open(path, mode="r|gz") as archive:
        for member in archive:
            parts = member.name.split("/")
            # The largest have their nested arguments in files of their own, one folder below.
            if parts[:2] == ["package", "lib"] and member.name.endswith((".js", ".d.ts")):
                content = archive.extractfile(member)
                pair = texts.setdefault(parts[2], ["", ""])
                pair[member.name.endswith(".d.ts")] += content.read().decode() if content else ""
    return ((javascript, declarations) for javascript, declarations in texts.values())


def _only(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    assert match, (
        f"nothing like {pattern.pattern}: the package has another shape than the one that this was written for"
    )
    return match[1]


class Module:
    """One resource, data source or the provider: its own arguments, and the nested ones by name."""

    def __init__(self, javascript: str, declarations: str, classes: dict[str, tuple[str, str]]) -> None:
        self.functions = dict(FUNCTION.findall(javascript))
        self.classes = classes
        self.required = {
            interface: {name for name, optional in PROPERTY.findall(body) if not optional}
            for interface, body in INTERFACE.findall(declarations)
        }

    def main(self, name: str, body: str) -> Block:
        block = self._arguments(_only(SYNTHESIZED, body) if "synthesizeHcl" in body else "", f"{name}Config")
        self._computed(block["attributes"], body, set(block["blocks"]))
        return block

    def _arguments(self, text: str, interface: str) -> Block:
        block: Block = {"attributes": {}, "blocks": {}}
        for name, value, is_block, kind, storage in ARGUMENT.findall(text):
            required = name in self.required.get(interface, ())
            if is_block == "true":
                block["blocks"][name] = self._nested(value, kind, required)
            else:
                flags = "r" if required else "oc" if name in FILLED_IN else "o"
                block["attributes"][name] = [_type(kind, storage), flags]
        return block

    def _nested(self, value: str, kind: str, required: bool) -> dict[str, Any]:
        function = _only(MAPPER, value)
        inner = self._arguments(self.functions[function], function[0].upper() + function[1:])
        nesting = "single" if kind == "struct" else kind
        countable = kind in ("list", "set")
        most = int(countable and "listMapper" not in value)
        return {"nesting": nesting, "min": int(required and countable), "max": most, "block": inner}

    def _computed(self, attributes: dict[str, Any], body: str, blocks: set[str]) -> None:
        """Add what only the provider sets."""
        for is_set, getter, name in GETTER.findall(body):
            if name not in attributes and getter in GETTERS:
                attributes[name] = [["set", "string"] if is_set else GETTERS[getter], "c"]
        for name, output in NESTED.findall(body):
            if name not in attributes and name not in blocks:
                attributes[name] = [self._object(output), "c"]

    def _object(self, output: str) -> Any:
        """The type of a nested value that only the provider sets: a list of objects."""
        inner = output.removesuffix("List") + "OutputReference" if output.endswith("List") else output
        fields: dict[str, Any] = {}
        self._computed(fields, self.classes[inner][1], set())
        shape = ["object", {name: field[0] for name, field in fields.items()}]
        return ["map" if self.classes[output][0].endswith("Map") else "list", shape]


def _type(kind: str, storage: str) -> Any:
    for name, written in TYPES.items():
        if storage == name:
            return written
        if storage in (f"{name}List", f"{name}Map"):
            return [kind if kind in ("list", "set", "map") else "list", written]
        if storage == f"{name}ListList":
            return [kind, ["list", written]]
    return "dynamic"


def stored(archive: Path, target: Path) -> dict[str, Any]:
    """The schema, read once and kept at ``target``."""
    if not target.exists():
        target.write_text(json.dumps(read(archive), sort_keys=True, separators=(",", ":")))
    return dict(json.loads(target.read_text()))
