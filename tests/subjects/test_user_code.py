"""Looking into a user's file: nothing of it may run off, and every odd file is told in a line."""

from __future__ import annotations

import argparse
import builtins
import dataclasses
import json
import sys
import warnings
from pathlib import Path

import pytest
import torch

from ganscope.errors import TargetError
from ganscope.subjects.user_code import load_file, load_module, summary

MARK = "import pathlib\npathlib.Path('ran').touch()\n"
NET = "from torch import nn\nclass Net(nn.Linear):\n    def __init__(self):\n"
NET += "        super().__init__(2, 2)\n"
MEND = "put that under if __name__ == '__main__':, or move the class to a file of its own"


def write(path: str, text: str) -> Path:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def refusal(path: str | Path) -> str:
    with pytest.raises(TargetError) as caught:
        load_file(Path(path))
    assert "\n" not in str(caught.value)
    return str(caught.value)


RUNS_OFF = [
    ("import argparse\nargparse.ArgumentParser().parse_args()", "parses arguments", 3),
    ("import argparse\np = argparse.ArgumentParser()\nopt, _ = p.parse_known_args()",
     "parses arguments", 4),
    ("def main():\n    parser.parse_args()\nmain()", "parses arguments", 3),
    ("def inner():\n    parser.parse_args()\ndef main():\n    inner()\nmain()",
     "parses arguments", 3),
    ("if True:\n    parser.parse_args()", "parses arguments", 3),
    ("if __name__ == '__main__' or True:\n    parser.parse_args()", "parses arguments", 3),
    ("if __name__ != '__main__':\n    parser.parse_args()", "parses arguments", 3),
    ("if __name__ == '__main__':\n    pass\nelse:\n    parser.parse_args()",
     "parses arguments", 5),
    ("try:\n    parser.parse_args()\nexcept BaseException:\n    pass", "parses arguments", 3),
    ("import click\n@click.command()\ndef main():\n    pass\nmain()", "parses arguments", 6),
    ("import fire\nfire.Fire(print)", "parses arguments", 3),
    ("for epoch in range(3):\n    loss.backward()", "trains", 3),
    ("with open('x') as f:\n    loss.backward()", "trains", 3),
    ("class Trainer:\n    def fit(self):\n        loss.backward()\nTrainer().fit()", "trains", 4),
    ("class Trainer:\n    def fit(self):\n        loss.backward()\nt = Trainer()\nt.fit()",
     "trains", 4),
    ("class Trainer:\n    def __init__(self):\n        loss.backward()\nTrainer()", "trains", 4),
    ("class Net:\n    loss.backward()", "trains", 3),
    ("name = input('name? ')", "waits for input", 2),
]  # fmt: skip


@pytest.mark.parametrize(("text", "what", "line"), RUNS_OFF, ids=[case[0] for case in RUNS_OFF])
def test_what_syntax_shows_never_runs(text: str, what: str, line: int) -> None:
    # On one line, so that `line` counts from the mark.
    write("script.py", f"__import__('pathlib').Path('ran').touch()\n{text}\n")
    assert refusal("script.py") == (f"script.py {what} when it is imported (line {line}); {MEND}")
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    "text",
    [
        "def main():\n    parser.parse_args()\nif __name__ == '__main__':\n    main()",
        "if '__main__' == __name__:\n    parser.parse_args()",
        "if __name__ == '__main__' and True:\n    loss.backward()",
        "def train():\n    loss.backward()\nrun = lambda: train()",
        "class Trainer:\n    def fit(self):\n        loss.backward()\ntrainer = Trainer()",
        "class Q:\n    def input(self):\n        return 2\nq = Q().input()",
        "class Q:\n    def backward(self):\n        return 2\nq = Q()\nq.backward()",
        "import click\n@click.command()\ndef main():\n    pass",
        "async def main():\n    input()",
        "def again():\n    again2()\ndef again2():\n    again()\nx = 1",
    ],
)
def test_files_that_only_define(text: str) -> None:
    write("script.py", f"{text}\n{NET}")
    assert load_file(Path("script.py")).Net().in_features == 2


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("import argparse\ngetattr(argparse.ArgumentParser(), 'parse_' + 'args')()",
         "parses arguments"),
        ("import torch\ngetattr(torch.ones(1, requires_grad=True).sum(), 'backw' + 'ard')()",
         "trains"),
        ("import builtins\ngetattr(builtins, 'inp' + 'ut')()", "waits for input"),
    ],
)  # fmt: skip
def test_what_no_syntax_shows_meets_a_shut_door(text: str, what: str) -> None:
    write("script.py", f"{text}\n{MARK}{NET}")
    assert refusal("script.py") == f"script.py {what} when it is imported (script.py:2); {MEND}"
    assert not Path("ran").exists()


def test_no_handler_of_the_users_swallows_a_shut_door() -> None:
    write(
        "script.py",
        "import argparse\nrun = getattr(argparse.ArgumentParser(), 'parse_' + 'args')\n"
        f"try:\n    run()\nexcept Exception:\n    pass\n{MARK}",
    )
    assert "parses arguments" in refusal("script.py")
    assert not Path("ran").exists()


def test_a_sibling_is_read_before_it_runs() -> None:
    write("near/helper.py", f"{MARK}import argparse\nargparse.ArgumentParser().parse_args()\n")
    write("near/script.py", f"from helper import SIZE\n{NET}")
    assert refusal("near/script.py") == (
        "near/script.py imports helper.py, which parses arguments when it is imported (line 4); "
        "in helper.py, put that under if __name__ == '__main__':"
    )
    assert not Path("ran").exists()


def test_a_sibling_of_a_sibling_and_one_in_a_package_are_read_too() -> None:
    write("first.py", "import second")
    write("second.py", "import package.third")
    write("package/__init__.py", "")
    write("package/third.py", f"{MARK}loss.backward()\n")
    write("script.py", f"try:\n    import first\nexcept Exception:\n    pass\n{NET}")
    assert refusal("script.py").startswith("script.py imports third.py, which trains when")
    assert not Path("ran").exists()


def test_a_package_that_runs_off_in_its_init() -> None:
    write("package/__init__.py", f"{MARK}parser.parse_args()\n")
    write("package/net.py", NET)
    with pytest.raises(TargetError, match=r"imports __init__\.py, which parses arguments"):
        load_module("package.net")
    assert not Path("ran").exists()


def test_a_module_that_runs_off_itself() -> None:
    write("script.py", f"{MARK}parser.parse_args()\n")
    with pytest.raises(TargetError) as caught:
        load_module("script")
    assert str(caught.value) == f"script parses arguments when it is imported (line 3); {MEND}"
    assert not Path("ran").exists()


def test_siblings_are_found_from_any_folder() -> None:
    write("far/deep/helper.py", "SIZE = 5\n")
    write("far/deep/net.py", "from helper import SIZE\n")
    assert load_file(Path("far/deep/net.py")).SIZE == 5


def test_late_imports_of_siblings_still_work() -> None:
    write("far/late.py", "SIZE = 6\n")
    write("far/net.py", "def size():\n    from late import SIZE\n    return SIZE\n")
    assert load_file(Path("far/net.py")).size() == 6


def test_the_users_folder_shadows_nothing_afterwards() -> None:
    folder = str(write("far/net.py", "").resolve().parent)
    load_file(Path("far/net.py"))
    assert sys.path.index(folder) == len(sys.path) - 2  # the working directory is the last
    load_file(Path("far/net.py"))
    assert sys.path.count(folder) == 1


def test_relative_imports_in_packages() -> None:
    write("package/__init__.py", "")
    write("package/layers.py", "SIZE = 3\n")
    write("package/sub/__init__.py", "")
    write("package/sub/helper.py", "DEPTH = 2\n")
    write("package/sub/net.py", "from ..layers import SIZE\nfrom .helper import DEPTH\n")
    by_file = load_file(Path("package/sub/net.py"))
    assert (by_file.SIZE, by_file.DEPTH, by_file.__name__) == (3, 2, "package.sub.net")
    assert load_module("package.sub.net") is by_file
    write("loose/helper.py", "SIZE = 4\n")
    write("loose/net.py", "from .helper import SIZE\n")
    assert load_file(Path("loose/net.py")).SIZE == 4


@pytest.mark.parametrize("name", ["json", "types", "torch", "numpy", "rich", "dataclasses"])
def test_a_file_named_like_a_module_that_exists(name: str) -> None:
    before = {module: sys.modules.get(module) for module in (name, "json", "torch")}
    write(
        f"{name}.py",
        "from dataclasses import dataclass\n@dataclass\nclass Record:\n    width: int = 3\n",
    )
    record = load_file(Path(f"{name}.py")).Record()
    assert dataclasses.is_dataclass(record)
    assert {module: sys.modules.get(module) for module in before} == before
    assert json.loads("[1]") == [1]


@pytest.mark.parametrize("path", ["with space/my net.py", "ünïcode/nétz.py", "dash-ed.py"])
def test_odd_paths(path: str) -> None:
    write(path, NET)
    assert load_file(Path(path)).Net().in_features == 2


def test_nothing_is_left_behind() -> None:
    write("script.py", "import sibling\n")
    write("sibling.py", "")
    before = (
        sys.argv, sys.stdin, sys.stdout, sys.dont_write_bytecode, list(sys.meta_path),
        argparse.ArgumentParser.parse_known_args, torch.Tensor.backward, torch.autograd.backward,
        builtins.input,
    )  # fmt: skip
    load_file(Path("script.py"))
    write("fails.py", "1 / 0")
    refusal("fails.py")
    assert before == (
        sys.argv, sys.stdin, sys.stdout, sys.dont_write_bytecode, list(sys.meta_path),
        argparse.ArgumentParser.parse_known_args, torch.Tensor.backward, torch.autograd.backward,
        builtins.input,
    )  # fmt: skip
    assert sorted(path.name for path in Path().iterdir()) == ["fails.py", "script.py", "sibling.py"]
    assert "fails" not in sys.modules


def test_the_script_sees_no_arguments_and_no_input() -> None:
    write("script.py", "import sys\nARGUMENTS = list(sys.argv)\nLINE = sys.stdin.readline()\n")
    module = load_file(Path("script.py"))
    assert (module.ARGUMENTS, module.LINE) == (["script.py"], "")


def test_what_it_prints_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    write("script.py", "print('hello')\n")
    load_file(Path("script.py"))
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "hello\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def f(:", "odd.py is no valid Python: invalid syntax (line 1); mend that first"),
        ("import nothing_there", "odd.py fails when it is imported: ModuleNotFoundError: No module "
         "named 'nothing_there' (odd.py:1); mend that first"),
        ("import sys\nsys.exit(4)", f"odd.py exits when it is imported (exit code 4); {MEND}"),
        ("raise SystemExit", f"odd.py exits when it is imported (exit code 0); {MEND}"),
        ("raise ValueError", "odd.py fails when it is imported: ValueError (odd.py:1); "
         "mend that first"),
        ("raise ValueError('a\\n b')", "odd.py fails when it is imported: ValueError: a b "
         "(odd.py:1); mend that first"),
        ("import sys\nsys.argv[1]", "odd.py fails when it is imported: IndexError: list index out "
         "of range (odd.py:2); mend that first"),
    ],
)  # fmt: skip
def test_files_that_fail(text: str, said: str) -> None:
    write("odd.py", text)
    assert refusal("odd.py") == said


def test_files_that_are_no_python() -> None:
    Path("odd.py").write_bytes(b'x = "\x00"')
    assert refusal("odd.py").startswith("odd.py is no valid Python: ")
    Path("binary.py").write_bytes(b"\xff\xfe binary")
    assert refusal("binary.py").startswith("binary.py is no valid Python: ")
    write("net.txt", NET)
    assert refusal("net.txt") == "net.txt is no Python file; name one that ends in .py"
    Path("folder").mkdir()
    assert refusal("folder") == "folder is a folder; name a file in it, such as folder/models.py"


def test_missing_files_and_modules() -> None:
    write("package/__init__.py", "")
    write("package/net.py", NET)
    assert refusal("pakage/net.py") == (
        "there is no file pakage/net.py; the folder pakage is not there either"
    )
    assert refusal("package/nett.py") == "there is no file package/nett.py; did you mean 'net.py'?"
    for name, near in (("package.nett", "package.net"), ("packag", "package")):
        with pytest.raises(TargetError) as caught:
            load_module(name)
        assert str(caught.value) == f"there is no module '{name}'; did you mean '{near}'?"


def test_a_module_that_is_there_but_imports_what_is_not() -> None:
    write("script.py", "import nothing_there\n")
    with pytest.raises(TargetError, match="script fails when it is imported: ModuleNotFoundError"):
        load_module("script")


def test_a_folder_is_no_module() -> None:
    Path("folder").mkdir()
    with pytest.raises(TargetError) as caught:
        load_module("folder")
    assert str(caught.value) == "folder is a folder; name a module in it, such as folder.models"


def test_another_package_of_that_name() -> None:
    write("torch/net.py", "from .functional import relu\n")
    write("torch/functional.py", "relu = 1\n")
    assert refusal("torch/net.py")


def test_warnings_of_the_users_are_theirs() -> None:
    write("script.py", "import warnings\nwarnings.warn('heed me')\n")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load_file(Path("script.py"))
    assert [str(warning.message) for warning in caught] == ["heed me"]


def test_a_summary_survives_any_exception() -> None:
    class OddError(Exception):
        def __str__(self) -> str:
            raise TypeError

    assert summary(OddError()) == "OddError"
    assert summary(ValueError("a\n  b")) == "ValueError: a b"
