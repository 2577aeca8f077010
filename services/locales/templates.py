"""Every message template in the code, found by reading it; nothing is imported or run.

A callable takes a template where it has a parameter of the name `template`. What goes there must be
written down as text: a literal, a choice of literals, or a name that stands for them in the same
function or module.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from string import Formatter

SERVICES = Path(__file__).parent.parent

_PARAMETER = "template"
# Texts of a problem type, which stand in its class.
_OF_A_TYPE = ("title", "explanation")
_ROOT = "DomainError"
# Where a template is only handed on: it is read where the message or the type was made.
_HANDED_ON = (_PARAMETER, *_OF_A_TYPE)

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Place:
    """Where a template stands."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Unreadable(Exception):
    """A template that is put together while the code runs, so that it cannot be translated."""

    def __init__(self, places: Sequence[Place]) -> None:
        super().__init__("not a literal: " + ", ".join(map(str, places)))
        self.places = tuple(places)


def templates(root: Path = SERVICES) -> dict[str, list[Place]]:
    """Every template below a folder with its places, sorted; raises `Unreadable`."""
    modules = [_Module(path, root) for path in sorted(root.rglob("*.py"))]
    code = _Code(modules)
    found: dict[str, list[Place]] = {}
    unreadable: list[Place] = []
    for module in modules:
        for text, node in _Reader(code, module).read():
            place = Place(module.name, node.lineno)
            if text is None:
                unreadable.append(place)
            elif _says_something(text) and place not in found.setdefault(text, []):
                found[text].append(place)
    if unreadable:
        raise Unreadable(unreadable)
    return dict(sorted(found.items()))


def placeholders(message: str) -> set[str]:
    """The names of the parameters in a template."""
    return {name for _, name, _, _ in Formatter().parse(message) if name is not None}


def _says_something(message: str) -> bool:
    return any(part.strip() for part, _, _, _ in Formatter().parse(message))


class _Module:
    """A parsed file."""

    def __init__(self, path: Path, root: Path) -> None:
        self.name = path.relative_to(root.parent).as_posix()
        self.tree = ast.parse(path.read_text(encoding="utf-8"), str(path))

    @cached_property
    def imported(self) -> frozenset[str]:
        """The names that this module has from elsewhere, modules among them."""
        return frozenset(
            alias.asname or alias.name
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        )


@dataclass
class _Code:
    """Which callables take a template, and at which place; which classes are types of problems."""

    modules: Sequence[_Module]
    callables: dict[str, int] = field(default_factory=dict)
    methods: dict[str, int] = field(default_factory=dict)
    types: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        nodes = [node for module in self.modules for node in module.tree.body]
        classes = {node.name: node for node in nodes if isinstance(node, ast.ClassDef)}
        for node in nodes:
            if isinstance(node, Function):
                _note(self.callables, node.name, _parameters(node))
        for one in classes.values():
            for part in one.body:
                if isinstance(part, Function) and part.name != "__init__":
                    _note(self.methods, part.name, _parameters(part)[1:])
            ancestors = list(_ancestors(one, classes))
            made_of = next((n for n in map(_made_of, ancestors) if n is not None), [])
            _note(self.callables, one.name, made_of)
            if any(ancestor.name == _ROOT for ancestor in ancestors):
                self.types.add(one.name)


def _note(into: dict[str, int], name: str, parameters: Sequence[str]) -> None:
    if _PARAMETER in parameters:
        into[name] = parameters.index(_PARAMETER)


def _ancestors(node: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> Iterator[ast.ClassDef]:
    """A class and what it derives from, nearest first."""
    yield node
    for base in node.bases:
        name = _last_name(base)
        if name in classes and classes[name] is not node:
            yield from _ancestors(classes[name], classes)


def _made_of(node: ast.ClassDef) -> list[str] | None:
    """The parameters that a class itself says it is made of; None where it leaves that to its base."""
    for part in node.body:
        if isinstance(part, Function) and part.name == "__init__":
            return _parameters(part)[1:]
    if any(
        _last_name(d.func if isinstance(d, ast.Call) else d) == "dataclass"
        for d in node.decorator_list
    ):
        return [
            part.target.id
            for part in node.body
            if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
        ]
    return None


def _parameters(node: Function) -> list[str]:
    return [one.arg for one in (*node.args.posonlyargs, *node.args.args)]


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


class _Reader:
    """Goes through a module; gives each template, or None where it cannot be read."""

    def __init__(self, code: _Code, module: _Module) -> None:
        self._code = code
        self._module = module

    def read(self) -> Iterator[tuple[str | None, ast.expr]]:
        yield from self._within(self._module.tree, (self._module.tree,), "")

    def _within(
        self, node: ast.AST, scopes: tuple[ast.AST, ...], owner: str
    ) -> Iterator[tuple[str | None, ast.expr]]:
        if isinstance(node, Function):
            scopes = (*scopes, node)
        elif isinstance(node, ast.ClassDef):
            owner = node.name
            yield from self._of_class(node)
        elif isinstance(node, ast.Call):
            yield from self._of_call(node, scopes, owner)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == _PARAMETER:
                    yield from self._texts(value, scopes)
        for child in ast.iter_child_nodes(node):
            yield from self._within(child, scopes, owner)

    def _of_class(self, node: ast.ClassDef) -> Iterator[tuple[str | None, ast.expr]]:
        if node.name not in self._code.types:
            return
        for name, value in _assigned(node.body):
            if name in _OF_A_TYPE:
                yield from self._texts(value, ())

    def _of_call(
        self, node: ast.Call, scopes: tuple[ast.AST, ...], owner: str
    ) -> Iterator[tuple[str | None, ast.expr]]:
        for keyword in node.keywords:
            if keyword.arg == _PARAMETER:
                yield from self._texts(keyword.value, scopes)
        place = self._place(node.func, owner)
        if place is not None and place < len(node.args):
            yield from self._texts(node.args[place], scopes)

    def _place(self, called: ast.expr, owner: str) -> int | None:
        """At which place the called takes a template."""
        if isinstance(called, ast.Name):
            return self._code.callables.get(called.id)
        if not isinstance(called, ast.Attribute):
            return None
        base = called.value
        if isinstance(base, ast.Name) and base.id in self._module.imported:
            return self._code.callables.get(called.attr)
        if called.attr == "__init__" and isinstance(base, ast.Call):
            return 0 if owner in self._code.types and _last_name(base.func) == "super" else None
        return self._code.methods.get(called.attr)

    def _texts(
        self, node: ast.expr, scopes: tuple[ast.AST, ...]
    ) -> Iterator[tuple[str | None, ast.expr]]:
        match node:
            case ast.Constant(value=str(text)):
                yield text, node
            case ast.IfExp(body=one, orelse=other):
                yield from self._texts(one, scopes)
                yield from self._texts(other, scopes)
            case ast.Attribute(attr=name) if name in _HANDED_ON:
                pass
            case ast.Subscript(slice=ast.Constant(value=name)) if name in _HANDED_ON:
                pass
            case ast.Subscript(value=ast.Name() as table):
                yield from self._texts(table, scopes)
            case ast.Dict(values=values):
                for value in values:
                    yield from self._texts(value, scopes)
            case ast.Name(id=name):
                yield from self._named(name, node, scopes)
            case _:
                yield None, node

    def _named(
        self, name: str, node: ast.expr, scopes: tuple[ast.AST, ...]
    ) -> Iterator[tuple[str | None, ast.expr]]:
        for scope in reversed(scopes):
            if isinstance(scope, Function) and name == _PARAMETER and name in _parameters(scope):
                return  # read where this function is called
            nodes = ast.walk(scope) if isinstance(scope, Function) else scope.body  # type: ignore[attr-defined]
            values = [value for known, value in _assigned(nodes) if known == name]
            if values:
                for value in values:
                    yield from self._texts(value, scopes)
                return
        yield None, node


def _assigned(nodes: Iterator[ast.AST] | Sequence[ast.AST]) -> Iterator[tuple[str, ast.expr]]:
    """Names and what they are made to stand for."""
    for node in nodes:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield _last_name(node.target), node.value
