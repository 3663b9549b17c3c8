"""What the two networks of a GAN are trained towards: one class per objective, by its name.

D is the discriminator, G the generator, x real images, z noise. Every loss is minimised; where a
paper maximises, its sign is turned. Losses are assigned before they are returned, since a recording
calls them what they are called where they are made.
"""

from __future__ import annotations

# They are listed in the order in which they register: the default first.
# isort: off
from ganscope.training.objectives.cross_entropy import BCELoss, MiniMax, NonSaturating
from ganscope.training.objectives.least_squares import LeastSquares
from ganscope.training.objectives.wasserstein import (
    Wasserstein,
    WassersteinWithPenalty,
    clip_weights,
    gradient_penalty,
)
from ganscope.training.objectives.hinge import Hinge

# isort: on
from ganscope.training.objectives.objective import Objective
from ganscope.training.objectives.registry import (
    DEFAULT,
    find_objective,
    objective_names,
    register,
    summary,
)

__all__ = [
    "DEFAULT",
    "BCELoss",
    "Hinge",
    "LeastSquares",
    "MiniMax",
    "NonSaturating",
    "Objective",
    "Wasserstein",
    "WassersteinWithPenalty",
    "clip_weights",
    "find_objective",
    "gradient_penalty",
    "objective_names",
    "register",
    "summary",
]
