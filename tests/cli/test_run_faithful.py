"""A script under ``ganscope run`` is the script under python: output, exit code, surroundings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from ganscope.subjects import script

ROOT = Path(__file__).parents[2]
Done = subprocess.CompletedProcess[str]


def python(*words: str, stdin: str = "", folder: Path | None = None, **environment: str) -> Done:
    return subprocess.run(
        [sys.executable, *words],
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=folder,
        env=os.environ
        | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "OMP_NUM_THREADS": "1"}
        | environment,
        check=False,
        timeout=120,
    )


def both(*words: str, flags: tuple[str, ...] = (), stdin: str = "") -> tuple[Done, Done]:
    """``python WORDS`` and ``ganscope run -q WORDS``, each in the working directory."""
    plain = python(*flags, *words, stdin=stdin)
    watched = python(*flags, "-m", "ganscope", "run", "--quiet", *words, stdin=stdin)
    return plain, watched


def assert_alike(plain: Done, watched: Done) -> None:
    assert watched.stdout == plain.stdout
    assert watched.stderr == plain.stderr
    assert watched.returncode == plain.returncode


SCRIPTS: dict[str, str] = {
    "prints": "print('one'); import sys; print('two', file=sys.stderr)",
    "arguments": "import sys; print(sys.argv)",
    "variables": """
        names = sorted(name for name in globals() if name != "names")
        print(names, __name__, __file__, __spec__, __package__, __doc__, __cached__)
        print(type(__loader__).__name__, __loader__.path, __builtins__, __annotations__)
    """,
    "path": "import sys; print(sys.path[0]); import neighbour; print(neighbour.__file__)",
    "main": """
        import sys, pickle
        class Thing: pass
        print(sys.modules["__main__"].Thing is Thing, pickle.loads(pickle.dumps(Thing)) is Thing)
        if __name__ == "__main__": print("guarded")
    """,
    "input": "import sys; print(input()); print(sys.stdin.read())",
    "exit 3": "import sys; sys.exit(3)",
    "exit none": "import sys; print('x'); sys.exit()",
    "exit text": "import sys; print('x'); sys.exit('went wrong')",
    "exit true": "raise SystemExit(True)",
    "exit tuple": "raise SystemExit((1, 2))",
    "exit large": "raise SystemExit(300)",
    "os exit": "import os, sys; print('x', flush=True); os._exit(7)",
    "uncaught": """
        def inner(x):
            return 1 / x
        print('before')
        try:
            inner(0)
        except ZeroDivisionError as error:
            raise ValueError('outer') from error
    """,
    "context": "try:\n    {}['a']\nexcept KeyError:\n    [].pop()",
    "group": "raise ExceptionGroup('several', [ValueError(1), TypeError(2)])",
    "syntax": "print('a'\nx = = 1",
    "import": "import broken_neighbour",
    "no module": "import there_is_no_such_module",
    "hook": """
        import sys
        def hook(kind, error, traceback):
            print('mine', kind, error, traceback.tb_frame.f_code.co_name, traceback.tb_next)
        sys.excepthook = hook
        raise ValueError('x')
    """,
    "bad hook": """
        import sys
        def hook(*_): raise TypeError('in the hook')
        sys.excepthook = hook
        raise ValueError('x')
    """,
    "interrupt": "print('x'); raise KeyboardInterrupt",
    "warning": """
        import warnings
        def f(): warnings.warn('careful', stacklevel=2)
        for _ in range(3): f()
        warnings.warn('old', DeprecationWarning)
    """,
    "exit handlers": """
        import atexit, sys
        atexit.register(lambda: print('second', sys.argv, __name__))
        atexit.register(print, 'first')
        print('end')
    """,
    "thread": """
        import threading, time, sys
        def late():
            time.sleep(0.2)
            print('late', sys.modules['__main__'].x, sys.argv)
        x = 5
        threading.Thread(target=late).start()
        print('main is over')
    """,
    "thread fails": """
        import threading
        def work(): raise ValueError('in a thread')
        threading.Thread(target=work).start()
    """,
    "fork": """
        import os, sys
        child = os.fork()
        if not child:
            print('child', flush=True)
            sys.exit(4)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """,
    "spawn": """
        import multiprocessing, sys
        def work(x): return x * 2
        print('loaded as', __name__, sys.argv[1:], flush=True)
        if __name__ == '__main__':
            with multiprocessing.get_context('spawn').Pool(1) as pool:
                print(pool.map(work, [1, 2]))
    """,
    "own click": "import click, rich; print(click.WHO, rich.WHO)",
    "random": "import random, sys; random.seed(3); print(random.random(), 'torch' in sys.modules)",
    "modules": "import sys; print([m for m in ('torch', 'numpy', 'PIL') if m in sys.modules])",
    "settings": """
        import locale, logging, os, signal, sys, threading
        print(locale.setlocale(locale.LC_ALL), logging.root.handlers, logging.root.level)
        print(signal.getsignal(signal.SIGINT), threading.active_count(), sys.getrecursionlimit())
        print(os.getcwd(), sys.flags, sys.stdout.encoding, sys.stdout.line_buffering)
        print(sorted(name for name in os.environ if 'GANSCOPE' in name or 'TYPER' in name))
    """,
    "frames": "import sys, traceback; print(__name__, sys._getframe().f_code.co_filename)",
    "closed stdout": "import sys; print('x'); sys.stdout.close()",
}  # fmt: skip

ARGUMENTS = ["--batch_size", "32", "-h", "--help", "a b", "-x", "--", "--steps"]


def dedent(text: str) -> str:
    import textwrap

    return textwrap.dedent(text).strip("\n") + "\n"


@pytest.fixture
def neighbours(tmp_path: Path) -> Path:
    (tmp_path / "neighbour.py").write_text("")
    (tmp_path / "broken_neighbour.py").write_text("def f():\n    return {}['x']\nf()\n")
    (tmp_path / "click.py").write_text("WHO = 'mine'\n")
    (tmp_path / "rich.py").write_text("WHO = 'mine too'\n")
    return tmp_path


def test_a_script_next_to_a_virtual_environment_imports_its_own_neighbours(
    neighbours: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = neighbours / ".venv" / "site-packages"
    installed.mkdir(parents=True)
    (neighbours / "installed_too.py").touch()  # a name that no other test imports
    module = ModuleType("installed_too")
    module.__file__ = str(installed / "installed_too.py")
    monkeypatch.setitem(sys.modules, "installed_too", module)
    own = ModuleType("neighbour")
    own.__file__ = str(neighbours / "neighbour.py")
    monkeypatch.setitem(sys.modules, "neighbour", own)
    for name in ("click", "rich"):
        (neighbours / f"{name}.py").unlink()  # they are loaded here, and stay for other tests
    script._forget_shadowed(str(neighbours))
    assert "installed_too" not in sys.modules
    assert sys.modules["neighbour"] is own


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script(name: str, neighbours: Path) -> None:
    (neighbours / "sub").mkdir()
    for each in ("neighbour.py", "broken_neighbour.py", "click.py", "rich.py"):
        (neighbours / each).rename(neighbours / "sub" / each)
    (neighbours / "sub" / "script.py").write_text(dedent(SCRIPTS[name]), encoding="utf-8")
    plain, watched = both("sub/script.py", *ARGUMENTS[1:], stdin="one\ntwo\nthree")
    assert_alike(plain, watched)
    assert [path.name for path in neighbours.glob("*.gscope*")] == []


def test_what_stands_behind_two_dashes_is_the_scripts_too(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("import sys; print(sys.argv)")
    plain = python("script.py", *ARGUMENTS)
    watched = python("-m", "ganscope", "run", "-q", "script.py", "--", *ARGUMENTS)
    assert_alike(plain, watched)


@pytest.mark.parametrize("flags", [("-W", "error"), ("-W", "ignore"), ("-X", "dev")])
def test_flags_of_python(flags: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(dedent(SCRIPTS["warning"]))
    assert_alike(*both("script.py", flags=flags))


PACKAGE = {
    "__init__.py": "print('package')",
    "__main__.py": "print('main', __name__, __package__)",
    "part.py": "VALUE = 7",
    "train.py": """
        import sys
        from . import part
        from .part import VALUE
        print(__name__, __package__, __spec__.name, __file__, sys.argv, sys.path[0], VALUE)
        print(sys.modules['__main__'].__dict__ is globals())
        if len(sys.argv) > 1: raise ValueError('in a module')
    """,
    "stops.py": "raise KeyboardInterrupt",
    "exits.py": "import sys; sys.exit('text')",
}


@pytest.mark.parametrize(
    "words",
    [
        ["lab.train"],
        ["lab.train", "--epochs", "3"],
        ["lab"],
        ["lab.stops"],
        ["lab.exits"],
        ["lab.nothing"],
        ["nothing"],
        ["json.tool", "--help"],
    ],
)
def test_a_module(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    for name, text in PACKAGE.items():
        (tmp_path / "lab" / name).write_text(dedent(text))
    assert_alike(*both("-m", *words))


def test_a_folder_and_an_archive(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    text = "import sys, part; print(__name__, __spec__.name, sys.argv, sys.path[0], part.VALUE)\n"
    (tmp_path / "app" / "__main__.py").write_text(text)
    (tmp_path / "app" / "part.py").write_text("VALUE = 7")
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        for each in (tmp_path / "app").glob("*.py"):
            archive.write(each, each.name)
    assert_alike(*both("app", "1"))
    assert_alike(*both("app.zip", "1"))


def test_a_link_to_a_script_imports_from_where_the_script_is(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "script.py").write_text(
        "import sys, near; print(__file__, sys.path[0], sys.argv)"
    )
    (tmp_path / "real" / "near.py").write_text("")
    (tmp_path / "link.py").symlink_to(tmp_path / "real" / "script.py")
    assert_alike(*both("link.py"))


def test_output_stands_in_the_same_order_in_one_stream(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("print('a'); print('b'); 1 / 0")
    texts = [
        subprocess.run(
            [sys.executable, *words, "script.py"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            check=False,
        ).stdout
        for words in ([], ["-m", "ganscope", "run", "-q"])
    ]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_as_they_do_under_python(sent: signal.Signals, tmp_path: Path) -> None:
    script = "import atexit, time; atexit.register(print, 'end'); print('there', flush=True)\n"
    (tmp_path / "script.py").write_text(script + "time.sleep(60)\n")
    seen = []
    for words in ([], ["-m", "ganscope", "run", "-q"]):
        process = subprocess.Popen(
            [sys.executable, *words, "script.py"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        time.sleep(0.5)  # so does the script by now
        process.send_signal(sent)
        out, err = process.communicate(timeout=60)
        seen.append((process.returncode, out, err))
    assert seen[0] == seen[1]


def test_a_standard_stream_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        "import sys; print(sys.stdout, file=sys.stderr); print('lost')"
    )
    texts = []
    for words in ("", "-m ganscope run -q"):
        done = subprocess.run(
            ["sh", "-c", f"{sys.executable} {words} script.py >&-"],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            check=False,
        )
        texts.append((done.stderr, done.returncode))
    assert texts[0] == texts[1]
