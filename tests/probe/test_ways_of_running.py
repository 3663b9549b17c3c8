"""Networks, optimizers and losses have their names however a script is run, with source or not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import ganscope

# Without blank lines inside of a statement, and with one after each: a REPL needs it so.
_SCRIPT = """\
import json, torch, ganscope
from torch import nn

def new():
    net = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
    return net, torch.optim.SGD(net.parameters(), lr=0.1)

def told(recording):
    (step,) = recording.trace.steps
    (update,) = step.updates
    return [recording.trace.networks[0].name, update.optimizers[0].name, update.losses[0].name]

def local():
    generator, opt_generator = new()
    with ganscope.record() as recording:
        loss_generator = generator(torch.ones(2, 4)).mean()
        loss_generator.backward()
        opt_generator.step()
    return told(recording)

def back(L):
    L.backward()

def turn(N, O):
    loss_generator = N(torch.ones(2, 4)).mean()
    back(loss_generator)
    O.step()

def parameter():
    generator, opt_generator = new()
    with ganscope.record() as recording:
        turn(generator, opt_generator)
    return told(recording)

def closure():
    generator, opt_generator = new()
    def inside():
        loss_generator = generator(torch.ones(2, 4)).mean()
        loss_generator.backward()
        opt_generator.step()
    with ganscope.record() as recording:
        inside()
    return told(recording)

def loop():
    networks, optimizers = zip(new(), new())
    with ganscope.record() as recording:
        for net, optimizer in zip(networks, optimizers):
            loss_each = net(torch.ones(2, 4)).mean()
            loss_each.backward()
            optimizer.step()
            break
    return told(recording)

class Trainer:
    def __init__(self):
        self.netG, self.optimizer_G = new()
    def train(self):
        with ganscope.record() as recording:
            self.loss_G = self.netG(torch.ones(2, 4)).mean()
            self.loss_G.backward()
            self.optimizer_G.step()
        return told(recording)

def dictionary():
    made, trainer = new(), dict()
    nets, optimizers = {"G": made[0]}, {"opt_G": made[1]}
    with ganscope.record() as recording:
        trainer["loss_G"] = nets["G"](torch.ones(2, 4)).mean()
        trainer["loss_G"].backward()
        optimizers["opt_G"].step()
    return told(recording)

def entry():
    made, losses = new(), []
    nets, optimizers = [made[0]], [made[1]]
    del made
    with ganscope.record() as recording:
        losses.append(nets[0](torch.ones(2, 4)).mean())
        losses[0].backward()
        optimizers[0].step()
    return told(recording)

netD, opt_D = new()

recording = ganscope.record()

with recording:
    loss_D = netD(torch.ones(2, 4)).mean()
    loss_D.backward()
    opt_D.step()

found = {"global": told(recording), "attribute": Trainer().train()}

for each in (local, parameter, closure, loop, dictionary, entry):
    found[each.__name__] = each()

found["trace"] = [ganscope.trace(netD, torch.ones(2, 4)).networks[0].name]

print("NAMES", json.dumps(found))
"""

_LOCAL = ["generator", "opt_generator", "loss_generator"]
_EXPECTED = {
    "global": ["netD", "opt_D", "loss_D"],
    "attribute": ["netG", "optimizer_G", "loss_G"],
    "local": _LOCAL,
    "parameter": _LOCAL,
    "closure": _LOCAL,
    "loop": ["networks_0", "optimizers_0", "loss_each"],
    "dictionary": ["G", "opt_G", "loss_G"],
    "entry": ["nets_0", "optimizers_0", "losses[0]"],
    "trace": ["netD"],
}

_EXEC = "import sys; exec(compile(sys.stdin.read(), '<made>', 'exec'), {'__name__': 'made'})"
_CONSOLE = """
import code, sys
console = code.InteractiveConsole()
for line in sys.stdin.read().split("\\n"):
    console.push(line)
"""
_IPYTHON = """
import sys
from IPython.core.interactiveshell import InteractiveShell
InteractiveShell.instance(history_length=0).run_cell(sys.stdin.read())
"""
_WAYS = {
    "file": ["script.py"],
    "runpy": ["-c", "import runpy; runpy.run_path('script.py')"],
    "stdin": ["-"],
    "-c": ["-c", _SCRIPT],
    "exec": ["-c", _EXEC],
    "REPL": ["-i", "-q"],
    "console": ["-c", _CONSOLE],
    "IPython": ["-c", _IPYTHON],
}


@pytest.mark.parametrize("way", _WAYS)
def test_names_are_those_of_the_variables(way: str, tmp_path: Path) -> None:
    if way == "IPython" and find_spec("IPython") is None:
        pytest.skip("IPython is not installed")
    (tmp_path / "script.py").write_text(_SCRIPT, encoding="utf-8")
    root = str(Path(ganscope.__file__).parents[1])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", *_WAYS[way]],
        input=_SCRIPT,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "IPYTHONDIR": str(tmp_path),
            "PYTHON_BASIC_REPL": "1",
        },
        check=False,
    )
    told = [line for line in done.stdout.splitlines() if "NAMES" in line]
    assert told, done.stderr
    found = json.loads(told[0].partition("NAMES ")[2])
    # Without a source it is not known how an entry is written.
    found["entry"] = [name.replace("losses_0", "losses[0]") for name in found["entry"]]
    assert found == _EXPECTED
