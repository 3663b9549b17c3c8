"""``ganscope models``: the built-in GANs."""

from __future__ import annotations


def models() -> None:
    """List the built-in GANs: parameters, shapes, arguments and source.

    ganscope models
    """
    from ganscope import zoo
    from ganscope.cli import output
    from ganscope.probe.modules import parameter_count
    from ganscope.views.model_list import ModelRow, model_list

    rows = []
    for entry in zoo.entries():
        # Really built: torch's device without memory takes over a second to import.
        gan = zoo.build(entry.name)
        rows.append(
            ModelRow(
                entry.name,
                entry.summary,
                entry.source,
                entry.arguments,
                parameter_count(gan.generator),
                parameter_count(gan.discriminator),
                gan.latent_shape,
                gan.image_shape,
            )
        )
    output.print_rich(model_list(rows), None)
