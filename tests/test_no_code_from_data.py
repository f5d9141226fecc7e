"""Nothing that is read is ever run: no pickles, no eval, no shell."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted([*(ROOT / "daemon").rglob("*.py"), *(ROOT / "clients").rglob("*.py")])
MODULES = {
    *(
        "pickle",
        "cPickle",
        "_pickle",
        "marshal",
        "shelve",
        "dill",
        "cloudpickle",
        "joblib",
        "copyreg",
        "yaml",
    ),
    *("multiprocessing", "xmlrpc", "code", "codeop", "imp", "runpy", "telnetlib", "ftplib"),
}
CALLS = {"eval", "exec", "compile", "__import__"}
METHODS = {"recv_pyobj", "send_pyobj", "extractall", "load_module", "eval", "exec"}
OF_OS = {"system", "popen", "execl", "spawnl"}
WORDS = {"allow_pickle", "shell"}


def findings(tree: ast.AST) -> Iterator[str]:
    """Yield what in the module could turn data into code."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (each.name for each in names if each.name.partition(".")[0] in MODULES)
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in MODULES:
                yield module
            case ast.Call(func=ast.Name(id=name)) if name in CALLS:
                yield f"{name}()"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr=name)) if name in OF_OS:
                yield f"os.{name}()"
            case ast.Call(func=ast.Attribute(attr=name)) if name in METHODS:
                yield f".{name}()"
            case ast.keyword(arg=str(word), value=ast.Constant(value=value)) if word in WORDS and value:
                yield f"{word}={value!r}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_turns_data_into_code(path: Path) -> None:
    """Of the daemon and the clients; also not by a function of a library (recv_pyobj)."""
    assert list(findings(ast.parse(path.read_text(encoding="utf-8")))) == []


def test_the_reader_finds_what_it_looks_for() -> None:
    """Each kind once."""
    text = (
        "import pickle\nfrom yaml import load\neval('1')\nsocket.recv_pyobj()\nos.system('x')\n"
        "world.system()\nnp.load(f, allow_pickle=True)\nrun('x', shell=True)\nre.compile('x')\n"
    )
    assert sorted(findings(ast.parse(text))) == [
        *(".recv_pyobj()", "allow_pickle=True", "eval()", "os.system()", "pickle", "shell=True", "yaml")
    ]
