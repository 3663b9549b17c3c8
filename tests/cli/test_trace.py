"""`ganscope trace`: the walkthrough's figures, its flags, and failing forwards."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch

from ganscope import zoo

from .conftest import Run

GENERATOR = [
    ("generator", "Generator", "64×100 → 64×1×28×28", "1,510,032"),
    ("generator.model", "Sequential", "64×100 → 64×784", "1,510,032"),
    ("generator.model.0", "Linear", "64×100 → 64×128", "12,928"),
    ("generator.model.1", "LeakyReLU", "64×128 → 64×128", ""),
    ("generator.model.2", "Linear", "64×128 → 64×256", "33,024"),
    ("generator.model.3", "BatchNorm1d", "64×256 → 64×256", "512"),
    ("generator.model.4", "LeakyReLU", "64×256 → 64×256", ""),
    ("generator.model.5", "Linear", "64×256 → 64×512", "131,584"),
    ("generator.model.6", "BatchNorm1d", "64×512 → 64×512", "1,024"),
    ("generator.model.7", "LeakyReLU", "64×512 → 64×512", ""),
    ("generator.model.8", "Linear", "64×512 → 64×1024", "525,312"),
    ("generator.model.9", "BatchNorm1d", "64×1024 → 64×1024", "2,048"),
    ("generator.model.10", "LeakyReLU", "64×1024 → 64×1024", ""),
    ("generator.model.11", "Linear", "64×1024 → 64×784", "803,600"),
    ("generator.model.12", "Tanh", "64×784 → 64×784", ""),
    ("generator/view", "view", "64×784 → 64×1×28×28", ""),
]
DISCRIMINATOR = [
    ("discriminator", "Discriminator", "64×1×28×28 → 64×1", "533,505"),
    ("discriminator/view", "view", "64×1×28×28 → 64×784", ""),
    ("discriminator.model", "Sequential", "64×784 → 64×1", "533,505"),
    ("discriminator.model.0", "Linear", "64×784 → 64×512", "401,920"),
    ("discriminator.model.1", "LeakyReLU", "64×512 → 64×512", ""),
    ("discriminator.model.2", "Linear", "64×512 → 64×256", "131,328"),
    ("discriminator.model.3", "LeakyReLU", "64×256 → 64×256", ""),
    ("discriminator.model.4", "Linear", "64×256 → 64×1", "257"),
    ("discriminator.model.5", "Sigmoid", "64×1 → 64×1", ""),
]
FLOWS = {
    "generator": "100 → 128 → 256 → 512 → 1024 → 784 → 1×28×28",
    "discriminator": "1×28×28 → 784 → 512 → 256 → 1",
}
OWN = """
from torch import nn

class Net(nn.Module):
    def __init__(self, width: int = 4):
        super().__init__()
        print("made")
        self.layers = nn.Sequential(nn.Linear(width, 3), nn.ReLU(), nn.Linear(5, 2))

    def forward(self, x):
        print("run")
        return self.layers(x)
"""


def rows(table: str) -> list[tuple[str, str, str, str]]:
    """Path, type without settings, shape and parameters of each row, read by column."""
    lines = table.splitlines()
    header = next(line for line in lines if "layer" in line and "parameters" in line)
    begins = [header.index(name) for name in ("layer", "type", "shape", "parameters")]
    ends = [*begins[1:], begins[-1] + len("parameters")]
    found = []
    for line in lines[lines.index(header) + 2 :]:
        if not line:
            break
        path, kind, shape, count = (
            line[begin:end].strip(" ·") for begin, end in zip(begins, ends, strict=True)
        )
        found.append((path, kind.partition("(")[0], shape, count))
    return found


@pytest.mark.parametrize(
    ("target", "expected", "total"),
    [("generator", GENERATOR, 1_510_032), ("discriminator", DISCRIMINATOR, 533_505)],
)
def test_walkthrough(
    ganscope: Run, target: str, expected: list[tuple[str, str, str, str]], total: int
) -> None:
    table = ganscope("trace", target, "--batch", 64)
    assert (table.code, table.err) == (0, "")
    assert rows(table.out) == expected
    assert f"flow      {FLOWS[target]}\n" in table.out
    assert f"total     {total:,} parameters · {len(expected)} calls" in table.out


def test_totals_of_the_walkthrough(ganscope: Run) -> None:
    for target, total in (("generator", 1_510_032), ("discriminator", 533_505)):
        trace = json.loads(ganscope("trace", target, "--format", "json").out)
        assert trace["networks"][0]["parameters"] == total
        leaves = [c["parameters"] for c in trace["steps"][0]["calls"] if c["type"] != "Sequential"]
        assert sum(leaves[1:]) == total == leaves[0]


def preview(ganscope: Run, *arguments: object) -> list[float]:
    outcome = ganscope("trace", "generator", "--format", "json", *arguments)
    assert outcome.code == 0
    values: list[float] = json.loads(outcome.out)["steps"][0]["calls"][0]["outputs"][0]["preview"]
    return values


def test_the_same_seed_gives_the_same_numbers(ganscope: Run) -> None:
    assert preview(ganscope, "--seed", 7) == preview(ganscope, "--seed", 7)
    assert preview(ganscope, "--seed", 7) != preview(ganscope, "--seed", 8)
    assert preview(ganscope) == preview(ganscope, "--seed", 0)


@pytest.mark.parametrize(
    "arguments",
    [
        ["generator"],
        ["generator", "--input", "64x100"],
        ["discriminator"],
        ["discriminator", "--on", "fake"],
        ["torch.nn:Linear", "--arg", "in_features=9", "--arg", "out_features=2"],
    ],
)
def test_the_seed_draws_what_goes_in(ganscope: Run, arguments: list[str]) -> None:
    first, again, other = (
        json.loads(ganscope("trace", *arguments, "--format", "json", "--seed", seed, "-q").out)
        for seed in (1, 1, 2)
    )
    going_in = [
        trace["steps"][0]["calls"][0]["inputs"][0]["stats"] for trace in (first, again, other)
    ]
    assert going_in[0] == going_in[1] != going_in[2]


def test_fake_images_are_the_generators(ganscope: Run) -> None:
    real = json.loads(ganscope("trace", "discriminator", "--format", "json").out)
    fake = ganscope("trace", "discriminator", "--on", "fake", "--format", "json")
    shown = json.loads(fake.out)["steps"][0]["calls"][0]["inputs"][0]["preview"]
    assert shown == preview(ganscope)
    assert shown != real["steps"][0]["calls"][0]["inputs"][0]["preview"]


def test_only_selects_and_depth_folds(ganscope: Run) -> None:
    only = ganscope("trace", "generator", "--only", "*.model.1*").out
    assert [row[0] for row in rows(only)] == [f"generator.model.{i}" for i in (1, 10, 11, 12)]
    assert "4 of 16 calls shown" in only
    folded = ganscope("trace", "generator", "--depth", 1).out
    assert [row[0] for row in rows(folded)] == ["generator"]


def test_no_ops_values_and_explain(ganscope: Run) -> None:
    assert "view" not in ganscope("trace", "generator", "--no-ops").out
    plain = ganscope("trace", "generator").out
    assert "values " not in plain
    assert ganscope("trace", "generator", "--values").out.count("values ") == 16
    explained = ganscope("trace", "generator", "--explain").out
    assert len(explained.splitlines()) >= len(plain.splitlines()) + 15


@pytest.mark.parametrize("width", [60, 80, 120])
def test_nothing_is_wider_than_asked(ganscope: Run, width: int) -> None:
    for arguments in (["trace", "generator"], ["trace", "generator", "--batch", 1, "--explain"]):
        shown = ganscope(*arguments, "--width", width).out
        assert max(map(len, shown.splitlines())) <= width


def test_eval_and_weights(ganscope: Run, tmp_path: Path) -> None:
    torch.manual_seed(5)
    state = zoo.build("gan").generator.state_dict()
    torch.save(state, tmp_path / "weights.pt")
    loaded = preview(ganscope, "--weights", "weights.pt", "--eval", "--batch", 1)
    generator = zoo.build("gan").generator.eval()
    generator.load_state_dict(state)
    noise = torch.randn((1, 100), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = generator(noise).flatten()[:8]
    assert loaded == pytest.approx(expected.tolist(), rel=1e-5)


def test_a_failing_forward(ganscope: Run) -> None:
    Path("own.py").write_text(OWN, encoding="utf-8")
    outcome = ganscope("trace", "own.py:Net")
    assert outcome.code == 1
    *printed, line = outcome.err.splitlines()
    assert printed == ["made", "run"]
    assert line == (
        "ganscope: net.layers.2 (Linear) fails: got 64×3, expects 5 numbers in the last "
        "dimension (64×5); RuntimeError: mat1 and mat2 shapes cannot be multiplied "
        "(64x3 and 5x2)"
    )
    assert re.search(r"✗ net\.layers\.2 +Linear\(5 → 2\) +64×3 → ✗", outcome.out)
    assert re.search(r"^where +.*own\.py:12  return self\.layers\(x\)$", outcome.out, re.M)
    assert "input inferred: 64×4, standard normal, as layers.0 (Linear) takes it" in outcome.out


def test_a_wrong_shape_and_a_batch_of_one(ganscope: Run) -> None:
    wrong = ganscope("trace", "generator", "--input", "64x99")
    assert wrong.code == 1
    assert wrong.line.startswith(
        "ganscope: generator.model.0 (Linear) fails: got 64×99, expects 100"
    )
    single = ganscope("trace", "generator", "--batch", 1)
    assert single.code == 1
    assert single.line.startswith(
        "ganscope: generator.model.3 (BatchNorm1d) fails: got 1×256, expects a batch of at least 2"
    )
    assert ganscope("trace", "generator", "--batch", 1, "--eval").code == 0


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        ("ValueError", "breaks (Breaks) fails: got 2×2; ValueError"),
        ("RuntimeError('a\\n\\tb\\x1b[31m')",
         "breaks (Breaks) fails: got 2×2; RuntimeError: a b [31m"),
        ("KeyError('x')", "breaks (Breaks) fails: got 2×2; KeyError: 'x'"),
        ("StopIteration", "breaks (Breaks) fails: got 2×2; StopIteration"),
        ("SystemExit(3)", "breaks leaves its forward by SystemExit; a forward should return or "
         "raise an ordinary exception"),
    ],
)  # fmt: skip
def test_odd_exceptions_are_one_line(ganscope: Run, raised: str, said: str) -> None:
    Path("own.py").write_text(
        "from torch import nn\n\nclass Breaks(nn.Module):\n    def forward(self, x):\n"
        f"        raise {raised}\n",
        encoding="utf-8",
    )
    outcome = ganscope("trace", "own.py:Breaks", "--input", "2x2")
    assert (outcome.code, outcome.line) == (1, f"ganscope: {said}")


def test_ctrl_c_inside_the_forward(ganscope: Run) -> None:
    Path("own.py").write_text(
        "from torch import nn\n\nclass Slow(nn.Module):\n    def forward(self, x):\n"
        "        raise KeyboardInterrupt\n",
        encoding="utf-8",
    )
    outcome = ganscope("trace", "own.py:Slow", "--input", "2x2", "-o", "out.json")
    assert (outcome.code, outcome.line) == (130, "ganscope: interrupted")
    assert not Path("out.json").exists()


def test_keyword_inputs(ganscope: Run) -> None:
    Path("own.py").write_text(
        "import torch\nfrom torch import nn\n\nclass Net(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n"
        "        self.embedding = nn.Embedding(10, 3)\n"
        "        self.linear = nn.Linear(8, 2)\n\n"
        "    def forward(self, noise, labels):\n"
        "        return self.linear(torch.cat([noise, self.embedding(labels)], 1))\n",
        encoding="utf-8",
    )
    for labels in ("labels=int64:4:0..9", "int64:4"):
        outcome = ganscope("trace", "own.py:Net", "--input", "4x5", "--input", labels)
        assert (outcome.code, outcome.err) == (0, "")
        assert "4×5 + 4 → 4×2" in outcome.out
    missing = ganscope("trace", "own.py:Net")
    assert missing.code == 2
    assert missing.line == (
        "ganscope: the forward of Net takes 2 inputs (noise, labels), and only a single "
        "positional one can be inferred; give each, such as --input noise=64x100 "
        "--input labels=int64:64:0..9"
    )


def test_an_unknown_fault_is_one_line_too(ganscope: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise TypeError("oh\nno")

    monkeypatch.setattr("ganscope.cli.output.show", broken)
    outcome = ganscope("trace", "generator", "--batch", 2)
    assert outcome.code == 1
    assert outcome.line.startswith("ganscope: this is a fault of ganscope's own: TypeError: oh no;")
    monkeypatch.setenv("GANSCOPE_TRACEBACK", "1")
    with pytest.raises(TypeError, match="oh"):
        ganscope("trace", "generator", "--batch", 2)


def test_a_warning_from_within_torch_stands_at_the_line_of_the_model(
    ganscope: Run, recwarn: pytest.WarningsRecorder
) -> None:
    lines = [
        "import torch, warnings",
        "class Net(torch.nn.Module):",
        "    def forward(self, x):",
        "        warnings.simplefilter('always')",
        "        torch.set_warn_always(True)",
        "        return x[[[0, 1], [0, 1]]]",  # deprecated, warned of from C++
        "net = Net()",
    ]
    Path("warned.py").write_text("\n".join(lines), encoding="utf-8")
    try:
        ganscope("trace", "warned.py:net", "--input", "4x3")
    finally:
        torch.set_warn_always(False)
    assert [(Path(each.filename).name, each.lineno) for each in recwarn] == [("warned.py", 6)]
