"""``ganscope summary TARGET``: torchinfo's table."""

from __future__ import annotations

from ganscope.cli import options, output
from ganscope.cli.subject import Prepared, Request, prepare
from ganscope.errors import GanscopeError

_COLUMNS = ("input_size", "output_size", "kernel_size", "num_params", "mult_adds")


def summary(
    target: options.Target,
    *,
    model: options.Model = None,
    arg: options.Arguments = None,
    inputs: options.Inputs = None,
    batch: options.Batch = None,
    evaluation: options.Evaluation = False,
    seed: options.Seed = 0,
    device: options.Device = "cpu",
    depth: options.Depth = None,
    output_file: options.Output = None,
    force: options.Force = False,
    quiet: options.Quiet = False,
) -> None:
    """Show torchinfo's table: input, output and kernel sizes, parameters, mult-adds.

    ganscope summary generator --model dcgan
    """
    options.read_view_numbers(depth, None)
    output_file = output.read_output(output_file)
    output.check_output(output_file, force=force)
    request = Request(
        target, model, arg, inputs, batch, seed, device, evaluation=evaluation, quiet=quiet
    )
    text = _summarize(prepare(request), depth, evaluation=evaluation)
    if output_file is None:
        output.write_to_screen(text, "table")
    else:
        output.write_text(output_file, text + "\n", quiet=quiet)


def _summarize(prepared: Prepared, depth: int | None, *, evaluation: bool) -> str:
    import torchinfo

    from ganscope.subjects.guard import output_aside
    from ganscope.subjects.user_code import summary as error_in_short

    try:
        with output_aside():
            table = torchinfo.summary(
                prepared.subject.module,
                input_data=[*prepared.args],
                depth=3 if depth is None else depth,
                col_names=_COLUMNS,
                row_settings=("var_names",),
                mode="eval" if evaluation else "train",
                device=next((tensor.device for tensor in prepared.args), None),
                verbose=0,
                **prepared.kwargs,
            )
    except (Exception, SystemExit, GeneratorExit) as error:
        cause = error.__cause__ or error
        raise GanscopeError(
            f"{prepared.subject.name} does not run: {error_in_short(cause)}; ganscope trace shows "
            "which layer fails and why"
        ) from None
    return str(table)
