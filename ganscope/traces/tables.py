"""The tables of a recording, and the views in it that answer questions in SQL.

A step's figures stand whole in ``step_data``, as `packing` makes them; those that one asks for
most stand once more as plain numbers, thinly: one row per call, per parameter and per loss,
whose key is the step's position · 2^20 + the place within the step. So are the samples.
"""

from __future__ import annotations

PLACES = 1 << 20
"""Calls, parameters and losses of one step that SQL shows."""

_TABLES = (
    """CREATE TABLE recording(
    id INTEGER PRIMARY KEY,  -- always 1
    token BLOB,              -- random: tells this recording from another at the same place
    head BLOB,               -- meta, networks, failure and findings: compressed JSON
    closed INTEGER,          -- 1 once the recording was ended in order
    steps INTEGER,           -- how many steps it then had
    regrouped INTEGER        -- how often steps that stood here already were replaced
)""",
    "CREATE TABLE names(id INTEGER PRIMARY KEY, text TEXT UNIQUE)",
    """CREATE TABLE layouts(
    id INTEGER PRIMARY KEY,
    digest BLOB UNIQUE,  -- of the body
    body BLOB,           -- what repeats from step to step: compressed JSON
    calls INTEGER,
    updates INTEGER
)""",
    """CREATE TABLE layout_calls(
    layout INTEGER, place INTEGER, id INTEGER, parent INTEGER, update_index INTEGER,
    purpose INTEGER, kind INTEGER, network INTEGER, path INTEGER, type INTEGER, nth INTEGER,
    parameters INTEGER, output_shape INTEGER,
    PRIMARY KEY(layout, place)
) WITHOUT ROWID""",
    """CREATE TABLE layout_parameters(
    layout INTEGER, place INTEGER, update_index INTEGER, name INTEGER, optimizer INTEGER,
    shape INTEGER,
    PRIMARY KEY(layout, place)
) WITHOUT ROWID""",
    """CREATE TABLE layout_losses(
    layout INTEGER, place INTEGER, update_index INTEGER, name INTEGER,
    PRIMARY KEY(layout, place)
) WITHOUT ROWID""",
    """CREATE TABLE step_list(
    position INTEGER PRIMARY KEY,  -- 0, 1, 2 and so on, without a gap
    step INTEGER,                  -- which training step; not every one need be recorded
    layout INTEGER
)""",
    "CREATE TABLE step_data(position INTEGER PRIMARY KEY, numbers BLOB)",
    "CREATE TABLE sample_data(key INTEGER PRIMARY KEY, data BLOB)",
    """CREATE TABLE call_figures(
    key INTEGER PRIMARY KEY, output_mean REAL, output_std REAL, gradient_norm REAL
)""",
    """CREATE TABLE parameter_figures(
    key INTEGER PRIMARY KEY, gradient_norm REAL, weight_norm REAL, update_norm REAL,
    update_ratio REAL  -- only where it is not update_norm / weight_norm
)""",
    "CREATE TABLE loss_figures(key INTEGER PRIMARY KEY, value REAL)",
)

# CROSS keeps the order: the figures of a step are looked up, never all looked through.
_JOIN = """FROM step_list AS s
CROSS JOIN {figures} AS f ON f.key BETWEEN s.position << 20 AND (s.position << 20) + 1048575
JOIN {layout} AS l ON l.layout = s.layout AND l.place = f.key - (s.position << 20)"""


def _name(column: str) -> str:
    return f"(SELECT text FROM names WHERE names.id = l.{column}) AS {column}"


VIEWS = {
    "steps": """SELECT s.step, l.calls, l.updates
FROM step_list AS s JOIN layouts AS l ON l.id = s.layout""",
    "calls": f"""SELECT s.step, l.id, l.parent, l.update_index, {_name("purpose")}, {_name("kind")},
{_name("network")}, {_name("path")}, {_name("type")}, l.nth, l.parameters,
{_name("output_shape")}, f.output_mean, f.output_std, f.gradient_norm
{_JOIN.format(figures="call_figures", layout="layout_calls")}""",
    "parameter_updates": f"""SELECT s.step, l.update_index, {_name("name")}, {_name("optimizer")},
{_name("shape")}, f.gradient_norm, f.weight_norm, f.update_norm,
coalesce(f.update_ratio, f.update_norm / f.weight_norm) AS update_ratio
{_JOIN.format(figures="parameter_figures", layout="layout_parameters")}""",
    "losses": f"""SELECT s.step, l.update_index, {_name("name")}, f.value
{_JOIN.format(figures="loss_figures", layout="layout_losses")}""",
}
"""What each view selects, from tables alone."""

COLUMNS = {
    "steps": ("step", "calls", "updates"),
    "calls": (
        "step", "id", "parent", "update_index", "purpose", "kind", "network", "path", "type",
        "nth", "parameters", "output_shape", "output_mean", "output_std", "gradient_norm",
    ),
    "parameter_updates": (
        "step", "update_index", "name", "optimizer", "shape", "gradient_norm", "weight_norm",
        "update_norm", "update_ratio",
    ),
    "losses": ("step", "update_index", "name", "value"),
}  # fmt: skip
"""The columns of each view."""
TEXTS = frozenset(
    ("purpose", "kind", "network", "path", "type", "output_shape", "name", "optimizer", "shape")
)
"""Columns that hold text; all others hold numbers."""

SCHEMA = (*_TABLES, *(f"CREATE VIEW {name} AS\n{select}" for name, select in VIEWS.items()))
"""Every statement that makes a recording, in order."""

OF_STEPS = ("step_list", "step_data")
"""Tables with a row per step, by position."""
OF_PLACES = ("sample_data", "call_figures", "parameter_figures", "loss_figures")
"""Tables with rows per step, by key."""
