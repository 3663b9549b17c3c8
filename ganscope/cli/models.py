"""``ganscope models``: the built-in GANs."""

from __future__ import annotations


def models() -> None:
    """List the built-in GANs: parameters, shapes, arguments and source.

    ganscope models
    """
    import torch
    from rich.console import Console

    from ganscope import zoo
    from ganscope.probe.modules import parameter_count
    from ganscope.views.model_list import ModelRow, model_list

    rows = []
    for entry in zoo.entries():
        with torch.device("meta"):  # counted without drawing a single weight
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
    Console(highlight=False).print(model_list(rows), soft_wrap=True)
