"""What a module imports, read from its source: at the top, in functions and for type checkers."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Module:
    """One source file.

    name  dotted, as it is imported; a package's `__init__` has the package's name
    path  of the file
    """

    name: str
    path: Path

    @property
    def package(self) -> str:
        """The package that its relative imports start from."""
        if self.path.name == "__init__.py":
            return self.name
        return self.name.rpartition(".")[0]

    def tree(self) -> ast.Module:
        """Parse the source."""
        return _parsed(self.path)


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def modules(source_root: Path, package: str) -> list[Module]:
    """Return every module of a package, in the order of their names."""
    found = []
    for path in sorted((source_root / package).rglob("*.py")):
        words = path.relative_to(source_root).with_suffix("").parts
        found.append(Module(".".join(words).removesuffix(".__init__"), path))
    return found


@cache
def imported(module: Module, known: frozenset[str] = frozenset()) -> frozenset[str]:
    """Return the dotted names of all that a module imports, wherever in the file.

    `from a import b` is `a.b` if that is one of the `known` modules, else `a`. Importing by a
    constant string counts; by anything else it is reported as `?`.
    """
    found: set[str] = set()
    for node in ast.walk(module.tree()):
        match node:
            case ast.Import(names=names):
                found.update(alias.name for alias in names)
            case ast.ImportFrom(module=base, names=names, level=level):
                origin = _absolute(module, base or "", level)
                for alias in names:
                    inner = f"{origin}.{alias.name}"
                    found.add(inner if inner in known else origin)
            case ast.Call() if _imports_by_name(node):
                match node.args:
                    case [ast.Constant(value=str(name)), *_]:
                        found.add(name)
                    case _:
                        found.add("?")
    return frozenset(found)


def calls(module: Module, attribute: str) -> Iterator[int]:
    """Yield the line of every call of a method of this name, such as `context.socket(…)`."""
    for node in ast.walk(module.tree()):
        match node:
            case ast.Call(func=ast.Attribute(attr=name)) if name == attribute:
                yield node.lineno


def _absolute(module: Module, base: str, level: int) -> str:
    if level == 0:
        return base
    start = module.package.split(".")
    above = start[: len(start) - level + 1]
    return ".".join([*above, base] if base else above)


def _imports_by_name(call: ast.Call) -> bool:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in {"__import__", "import_module"}
    return False
