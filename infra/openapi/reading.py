"""Reads from a view's code, without running it, what it takes and what it answers.

The statements of the view, and of the functions of ``chalicelib.api`` that it calls, are followed with what is known
while nothing runs: constants, the request, and the parts of its body. Both ways of a condition are gone where its
outcome is not known; a value that is not known is ``UNKNOWN`` and stays so.
"""

import ast
import builtins
import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

from chalicelib.api import relationships, render, service_parts, uaa
from chalicelib.api.base import Answer
from chalicelib.api.included import field_parameters
from chalicelib.api.parsing import Body

UNKNOWN, REQUEST, QUERY = object(), object(), object()

#: Called as they are, when all that they are given is known.
PURE = (tuple, list, sorted, set, frozenset, dict, len, zip, enumerate, field_parameters)
ANY: dict[str, Any] = {}
GUID = {"type": "object", "properties": {"guid": {"type": "string"}}, "required": ["guid"]}
TO_ONE = {"type": "object", "properties": {"data": GUID}, "required": ["data"]}
TO_MANY = {"type": "object", "properties": {"data": {"type": "array", "items": GUID}}, "required": ["data"]}
METADATA = {"$ref": "#/components/schemas/Metadata"}


class Part:
    """An object in a body: the schema of what the code takes from it."""

    def __init__(self) -> None:
        self.properties: dict[str, Any] = {}
        self.required: list[str] = []
        self.is_closed = False

    def put(self, name: Any, schema: Any, required: bool = False) -> Any:
        """The property as it is known by now: one that is taken twice is what its first schema says."""
        if not isinstance(name, str):
            return UNKNOWN
        if required and name not in self.required:
            self.required.append(name)
        present = self.properties.get(name)
        if present is None or (isinstance(present, Part) and not present.properties):
            self.properties[name] = present = schema
        return present

    def document(self) -> dict[str, Any]:
        if not self.properties:
            return ANY
        document: dict[str, Any] = {"type": "object", "properties": {}}
        for name, schema in self.properties.items():
            document["properties"][name] = schema.document() if isinstance(schema, Part) else schema
        if self.required:
            document["required"] = self.required
        return document | ({"additionalProperties": False} if self.is_closed else {})


class Reading:
    """What was found in one view. only: the query parameters it allows, reads: those it looks at."""

    def __init__(self, view: Callable[..., Any]) -> None:
        self.only: set[str] | None = None
        self.reads: set[str] = set()
        self.included: tuple[str, ...] = ()
        self.statuses: set[int] = set()
        self.body: Part | None = None
        self.media_type = "application/json"
        self.is_authenticated = self.is_page = self.has_location = self.is_unenforced = False
        self._stack: list[Any] = []
        self._conditions = 0
        self._inline(inspect.unwrap(view), [REQUEST], {})

    @property
    def query(self) -> list[str]:
        return sorted(self.reads if self.only is None else self.only)

    # -- statements ----------------------------------------------------------------------------------------

    def _inline(self, function: Any, args: list[Any], named: dict[str, Any]) -> Any:
        """Follow a call. Returns the first thing it may return that is known."""
        if function in self._stack:
            return UNKNOWN
        signature = inspect.signature(function)
        try:
            bound = signature.bind_partial(*args, **named)
        except TypeError:
            bound = signature.bind_partial(*args[:1])
        bound.apply_defaults()
        env = dict.fromkeys(signature.parameters, UNKNOWN) | dict(bound.arguments)
        self._stack.append(function)
        result = self._run(_definition(function).body, env, function.__globals__)
        self._stack.pop()
        return result

    def _run(self, body: list[ast.stmt], env: dict[str, Any], names: dict[str, Any]) -> Any:
        found = [self._statement(statement, env, names) for statement in body]
        return next((value for value in found if value is not UNKNOWN), UNKNOWN)

    def _statement(self, node: ast.stmt, env: dict[str, Any], names: dict[str, Any]) -> Any:
        """Returns what the statement may make the function return."""
        if isinstance(node, ast.Return):
            return self._value(node.value, env, names)
        if isinstance(node, ast.Assign):
            value = self._value(node.value, env, names)
            for target in node.targets:
                _bind(target, value, env)
        elif isinstance(node, ast.AnnAssign):
            _bind(node.target, self._value(node.value, env, names), env)
        elif isinstance(node, ast.If):
            test = self._value(node.test, env, names)
            ways = [node.body, node.orelse] if test is UNKNOWN else [node.body if test else node.orelse]
            self._conditions += test is UNKNOWN
            found = [self._run(way, env, names) for way in ways]
            self._conditions -= test is UNKNOWN
            return next((value for value in found if value is not UNKNOWN), UNKNOWN)
        elif isinstance(node, ast.For):
            for item in _items(self._value(node.iter, env, names)):
                _bind(node.target, item, env)
                self._run(node.body, env, names)
        elif isinstance(node, ast.Try):
            found = [self._run(node.body, env, names)]
            found += [self._run(handler.body, env, names) for handler in node.handlers]
            return found[0]
        elif not isinstance(node, ast.FunctionDef):
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self._value(child, env, names)
        return UNKNOWN

    # -- expressions ---------------------------------------------------------------------------------------

    def _value(self, node: ast.expr | None, env: dict[str, Any], names: dict[str, Any]) -> Any:
        if node is None or isinstance(node, ast.Lambda):
            return UNKNOWN
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return env.get(node.id, names.get(node.id, getattr(builtins, node.id, UNKNOWN)))
        if isinstance(node, ast.Call):
            return self._call(node, env, names)
        if isinstance(node, ast.NamedExpr):
            value = self._value(node.value, env, names)
            _bind(node.target, value, env)
            return value
        if isinstance(node, ast.GeneratorExp | ast.ListComp | ast.SetComp | ast.DictComp):
            return self._comprehension(node, env, names)
        if isinstance(node, ast.Attribute):
            return self._attribute(self._value(node.value, env, names), node.attr)
        if isinstance(node, ast.Tuple | ast.List):
            return self._several(node.elts, env, names)
        self._conditions += isinstance(node, ast.IfExp)
        children = [
            self._value(child, env, names) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)
        ]
        self._conditions -= isinstance(node, ast.IfExp)
        if QUERY in children:
            # ``"x" in request.query`` and ``request.query["x"]``
            self.reads |= {child for child in children if isinstance(child, str)}
            return UNKNOWN
        if isinstance(node, ast.IfExp | ast.BoolOp):
            return next((child for child in children if isinstance(child, Part)), UNKNOWN)
        if any(child is UNKNOWN or child is REQUEST or isinstance(child, Part) for child in children):
            return UNKNOWN
        return _evaluated(node, env, names)

    def _several(self, nodes: Iterable[ast.expr], env: dict[str, Any], names: dict[str, Any]) -> list[Any]:
        """What is unpacked but not known, and what follows it, is left out."""
        values: list[Any] = []
        for node in nodes:
            if not isinstance(node, ast.Starred):
                values.append(self._value(node, env, names))
                continue
            inner = self._value(node.value, env, names)
            if not isinstance(inner, tuple | list | set | frozenset | dict):
                break
            values += inner
        return values

    def _comprehension(self, node: Any, env: dict[str, Any], names: dict[str, Any]) -> Any:
        inner, values = dict(env), []
        generator = node.generators[0]
        for item in _items(self._value(generator.iter, inner, names)):
            _bind(generator.target, item, inner)
            for test in generator.ifs:
                self._value(test, inner, names)
            values.append(self._value(getattr(node, "elt", None) or node.value, inner, names))
        return UNKNOWN if UNKNOWN in values else values

    def _attribute(self, owner: Any, name: str) -> Any:
        if owner is REQUEST:
            self.is_authenticated |= name == "actor"
            if name == "text":
                self.body, self.media_type = self.body or Part(), "application/x-yaml"
            return QUERY if name == "query" else UNKNOWN
        if owner is UNKNOWN or owner is QUERY or isinstance(owner, Part):
            return UNKNOWN
        return getattr(owner, name, UNKNOWN)

    def _call(self, node: ast.Call, env: dict[str, Any], names: dict[str, Any]) -> Any:
        args = self._several(node.args, env, names)
        named = {word.arg: self._value(word.value, env, names) for word in node.keywords if word.arg}
        if isinstance(node.func, ast.Attribute):
            owner = self._value(node.func.value, env, names)
            if isinstance(owner, Part):
                return self._taken(owner, node.func.attr, args, named)
            if owner is REQUEST or owner is QUERY:
                return self._asked(node.func.attr, args)
            if isinstance(owner, str | tuple | list | dict | frozenset):
                return _called(getattr(owner, node.func.attr), args, named)
        function = self._value(node.func, env, names)
        if function is Body:
            return next((arg for arg in args if isinstance(arg, Part)), Part())
        if function is Answer:
            status = named.get("status", args[1] if len(args) > 1 else 200)
            self.statuses |= {status} if isinstance(status, int) else set()
        if function in PURE:
            return _called(function, args, named)
        special = SPECIAL.get(function) if inspect.isfunction(function) else None
        if special is not None:
            return special(self, *args)
        if inspect.isfunction(function) and function.__module__.startswith("chalicelib.api"):
            self._notice(function, args)
            return self._inline(function, args, named)
        return UNKNOWN

    def _notice(self, function: Any, args: list[Any]) -> None:
        self.is_page |= function is render.paginated
        self.has_location |= function is render.accepted
        self.is_unenforced |= function is render.warned and any("not enforced" in str(arg) for arg in args[1:])
        if function is render.including:
            self.included = tuple(arg for arg in args if isinstance(arg, str))

    def _asked(self, method: str, args: list[Any]) -> Any:
        """Of the request or its query."""
        texts = {arg for arg in args if isinstance(arg, str)}
        if method == "only":
            self.only = (self.only or set()) | texts
        elif method == "json":
            self.body = self.body or Part()
            return self.body
        elif method in ("values", "get"):
            self.reads |= {arg for arg in args[:1] if isinstance(arg, str)}
        return UNKNOWN

    def _taken(self, part: Part, method: str, args: list[Any], named: dict[str, Any]) -> Any:
        """Of a body, or a part of it: as :class:`Body` has it; ``get`` of one that is read as a dict."""
        if method in ("done", "finish"):
            part.is_closed = True
        if method == "metadata":
            return part.put("metadata", METADATA)
        signature = inspect.signature(getattr(Body, method, dict.get))
        if method not in SCHEMAS:
            return UNKNOWN
        given = dict(zip(list(signature.parameters)[1:], args, strict=False)) | named
        name = args[0] if args else "name"
        required = given.get("required", method == "name") is True and not self._conditions
        if method == "relationship":
            # Whoever does not ask for the relationship itself is asked for it by default.
            required = given.get("required", True) is True and not self._conditions
            outer = part.put("relationships", Part(), required)
            return UNKNOWN if not isinstance(outer, Part) else outer.put(name, TO_ONE, required) and UNKNOWN
        schema = SCHEMAS[method](given)
        kept = part.put(name, schema, required)
        return kept if isinstance(kept, Part) else UNKNOWN


def _form(reading: Reading, *_: Any) -> Part:
    reading.body, reading.media_type = reading.body or Part(), "application/x-www-form-urlencoded"
    return reading.body


def _as(schema: dict[str, Any]) -> Callable[..., Any]:
    def put(_: Reading, part: Any, name: Any = UNKNOWN, *__: Any) -> Any:
        if isinstance(part, Part):
            part.put(name, schema)
        return UNKNOWN

    return put


def _guids(reading: Reading, *_: Any) -> Any:
    reading.body = Part()
    reading.body.put("data", TO_MANY["properties"]["data"], required=True)  # type: ignore[index]
    return UNKNOWN


#: Functions that say at once what they take.
SPECIAL: dict[Any, Callable[..., Any]] = {
    relationships.related: _as(TO_MANY),
    relationships.related_one: _as(TO_ONE),
    relationships.body_guids: _guids,
    service_parts.an_object: _as({"type": "object"}),
    uaa.read_form: _form,
}


def _limits(given: dict[str, Any], **words: str) -> dict[str, Any]:
    return {word: given[name] for word, name in words.items() if isinstance(given.get(name), int)}


#: What each question of a body makes of the field's schema.
SCHEMAS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "take": lambda given: Part(),
    "get": lambda given: Part(),
    "part": lambda given: Part(),
    "relationship": lambda given: TO_ONE,
    "text": lambda given: {"type": "string"} | _limits({"limit": 250} | given, maxLength="limit"),
    "name": lambda given: {"type": "string", "minLength": 1, "maxLength": 250},
    "integer": lambda given: (
        {"type": "integer"}
        | _limits({"minimum": 0, "maximum": 2**31 - 1} | given, minimum="minimum", maximum="maximum")
    ),
    "boolean": lambda given: {"type": "boolean"},
    "texts": lambda given: {"type": "array", "items": {"type": "string"}},
    "choice": lambda given: (
        {"type": "string"}
        | ({"enum": list(given["allowed"])} if isinstance(given.get("allowed"), tuple | list) else {})
    ),
}


def _bind(target: ast.expr, value: Any, env: dict[str, Any]) -> None:
    if isinstance(target, ast.Name):
        env[target.id] = value
    elif isinstance(target, ast.Tuple):
        values = list(value) if isinstance(value, tuple | list) and len(value) == len(target.elts) else []
        for element, item in zip(target.elts, values or [UNKNOWN] * len(target.elts), strict=True):
            _bind(element, item, env)


def _items(value: Any) -> Iterator[Any]:
    """What a loop goes over; one thing that is not known, when that is not known."""
    try:
        yield from iter(value)
    except TypeError:
        yield UNKNOWN


def _evaluated(node: ast.expr, env: dict[str, Any], names: dict[str, Any]) -> Any:
    """Only operators are left in it, and all that they stand between is known."""
    try:
        return eval(_compiled(node), names, env)
    except Exception:
        return UNKNOWN


def _called(function: Any, args: list[Any], named: dict[str, Any]) -> Any:
    if UNKNOWN in args or REQUEST in args or any(isinstance(arg, Part) for arg in args):
        return UNKNOWN
    try:
        return function(*args, **named)
    except Exception:
        return UNKNOWN


@cache
def _compiled(node: ast.expr) -> Any:
    return compile(ast.Expression(node), "<view>", "eval")


@cache
def _definition(function: Any) -> ast.FunctionDef:
    (found,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(found, ast.FunctionDef)
    return found
