"""A panel of a training step: its lanes of data, networks, answers and the loss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ganscope.views import style
from ganscope.views.diagrams.blocks import Body, body_of, draw_body
from ganscope.views.diagrams.canvas import Canvas
from ganscope.views.diagrams.lanes import NO_GRAD, Box, Lane, Panel, Tensor
from ganscope.views.diagrams.nonfinite import holds_nonfinite
from ganscope.views.diagrams.panel_boxes import HEIGHT, draw_loss, draw_network
from ganscope.views.diagrams.stages import Stage
from ganscope.views.diagrams.words import Words, number
from ganscope.views.steps.cast import numeral
from ganscope.views.steps.heading import optimizer_text

HEADER, FOOT = 0.46, 0.14
"""Inches that a panel takes above and below its lanes."""
_BOX_WIDTH, _LOSS_WIDTH = 1.15, 1.72
_PICTURE = 0.8
_COMFORTABLE = 12.0
"""Inches of a panel in which everything has its full width."""
_EASY, _BELOW = 1.08, 0.46
"""Inches of a lane from which on networks have their full height; what they leave in lower ones."""
_BACK = 0.24
"""Inches that gradients run below the data."""
_HEADING, _ANSWER, _NAME, _SMALL = 14.0, 12.5, 11.0, 9.5
_APART = 0.16
"""Inches that a norm keeps from the shapes beside it."""
_DASHES = (0.0, (3.0, 2.0))
_BAD = "NaN/∞"


@dataclass(frozen=True, slots=True, eq=False)
class PanelPainter:
    """Draws one update.

    Attributes:
        canvas: Where to.
        words: Of a language.
        panel: The update.
        box: Left, bottom, width and height, in inches.
        lane: Inches that a lane is high.
        sample: Whose values are shown.
        boxes: How many networks stand side by side, in any of the updates.
    """

    canvas: Canvas
    words: Words
    panel: Panel
    box: tuple[float, float, float, float]
    lane: float
    sample: int
    boxes: int

    def draw(self, *, backward: bool) -> None:
        """Draw the panel; what happens on the way back only where wanted."""
        self._heading()
        for place, lane in enumerate(self.panel.lanes):
            self._lane(lane, self._row(place), backward=backward)
        self._boxes(backward=backward)
        draw_loss(self.canvas, self.words, self.panel.losses, self._loss_box())

    # -- sizes: smaller where the canvas is narrow ------------------------------------------------

    @property
    def _scale(self) -> float:
        return min(1.0, self.box[2] / _COMFORTABLE)

    @property
    def _box_width(self) -> float:
        return _BOX_WIDTH * self._scale

    @property
    def _box_height(self) -> float:
        return HEIGHT if self.lane >= _EASY else self.lane - _BELOW

    @property
    def _loss_width(self) -> float:
        return _LOSS_WIDTH * self._scale

    # -- places ----------------------------------------------------------------------------------

    def _row(self, place: int) -> float:
        """Inches from below at which a lane's data run."""
        rise = 0.02 if self.lane >= _EASY else 0.08
        return self.box[1] + self.box[3] - HEADER - (place + 0.5) * self.lane + rise

    def _column(self, place: int) -> float:
        """Inches from the left of the n-th tensor or network; the first tensor is 0."""
        left, width = self.box[0] + 0.75, self.box[2] - 0.75 - 0.12 - self._loss_width / 2
        return left + width * place / (2 * self.boxes + 1.0)

    def _first(self, lane: Lane) -> int:
        """Where a lane begins: those with fewer networks begin later, and end together."""
        return 2 * (self.boxes - len(lane.boxes))

    def _loss_box(self) -> tuple[float, float, float, float]:
        """Left, bottom, width and height of the loss: as tall as the lanes that lead to it."""
        rows = [self._row(place) for place in range(len(self.panel.lanes))] or [self._row(0)]
        low, high = rows[-1] - self._box_height / 2, rows[0] + self._box_height / 2
        return (
            self.box[0] + self.box[2] - self._loss_width - 0.12,
            low,
            self._loss_width,
            high - low,
        )

    # -- what is drawn ---------------------------------------------------------------------------

    def _heading(self) -> None:
        canvas, theme, (left, bottom, width, height) = self.canvas, self.canvas.theme, self.box
        canvas.box(self.box, fill=theme.panel, rounded=0.12, order=0.5)
        update, words = self.panel.update, self.words
        name = words.joined([words.called(each) for each in update.networks])
        heading = words("update", numeral=numeral(update.index), name=name)
        top = bottom + height - 0.29
        heading = canvas.cut(heading, width * 0.6, _HEADING, bold=True)
        colour = theme.role(self._role())
        canvas.text((left + 0.2, top), heading, _HEADING, colour=colour, bold=True, across="left")
        parts = [optimizer_text(each) for each in update.optimizers[:2]]
        if self.panel.times > 1:
            parts.insert(0, words("times", count=self.panel.times))
        beside = left + 0.45 + canvas.width_of(heading, _HEADING, bold=True)
        room = left + width - 0.2 - beside
        text = canvas.cut(words.separator.join(parts), room, _NAME)
        canvas.text((beside, top), text, _NAME, colour=theme.quiet, across="left")

    def _role(self) -> str:
        moved = [box.role for lane in self.panel.lanes for box in lane.boxes if box.moved]
        return moved[0] if moved else ""

    def _lane(self, lane: Lane, row: float, *, backward: bool) -> None:
        """The data of a lane and the arrows between them."""
        first = self._first(lane)
        right = self._tensor(lane.start, first, row)
        for place, tensor in enumerate(lane.tensors):
            at = first + 2 * place + 1
            before = lane.start if place == 0 else lane.tensors[place - 1]
            enters, leaves = self._sides(at)
            back = backward and place > 0 and lane.boxes[place].reached
            self._arrow(right, enters, row, before.gradient if back else None, cut=before.cut)
            last = place == len(lane.tensors) - 1
            if last:
                self._answer(lane, leaves, row, backward=backward)
                return
            width = self._width_of(tensor, at + 1)
            back = backward and lane.boxes[place].reached
            norm = tensor.gradient if back else None
            self._arrow(leaves, width[0], row, norm, labelled=False)
            right = self._tensor(tensor, at + 1, row)

    def _sides(self, place: int) -> tuple[float, float]:
        """Left and right edge of a network's box."""
        centre = self._column(place)
        return centre - self._box_width / 2, centre + self._box_width / 2

    def _body(self, tensor: Tensor) -> Body:
        stage = Stage(tensor.record, role="input")
        side = min(_PICTURE * self._scale, self.lane - 0.5)
        return body_of(stage, self.sample, side, side)

    def _width_of(self, tensor: Tensor, place: int) -> tuple[float, float]:
        body, centre = self._body(tensor), self._column(place)
        return centre - body.width / 2, centre + body.width / 2

    def _tensor(self, tensor: Tensor, place: int, row: float) -> float:
        """Data with its values; returns its right edge."""
        canvas, body, centre = self.canvas, self._body(tensor), self._column(place)
        draw_body(canvas, body, (centre, row), canvas.theme.quiet, f"tensor:{place}:{row:.2f}")
        above = row + body.height / 2 + 0.09
        self._tensor_name(tensor, place, (centre, above))
        shape = style.format_shape((tensor.record.shape or ())[1:])
        below = row - body.height / 2 - 0.19
        broken = holds_nonfinite(body.values)
        colour = canvas.theme.bad if broken else canvas.theme.quiet
        canvas.text((centre, below), f"{shape} {_BAD}" if broken else shape, _SMALL, colour=colour)
        return centre + body.width / 2

    def _tensor_name(self, tensor: Tensor, place: int, at: tuple[float, float]) -> None:
        """The name of data above them, beside what is said of the arrow behind them."""
        canvas, (centre, above) = self.canvas, at
        name = self.words.origin(tensor.name)
        half = canvas.width_of(name, _NAME, bold=True) / 2
        arrow = (centre + self._body(tensor).width / 2 + self._sides(place + 1)[0]) / 2
        end = arrow - canvas.width_of(tensor.cut, _NAME, bold=True) / 2 - _APART / 2
        if not tensor.cut or centre + half <= end:
            canvas.text(at, name, _NAME, bold=True)
            return
        begin = self._sides(place - 1)[1] if place > 0 else self.box[0]
        size = canvas.fitted(name, end - begin - _APART, _NAME, bold=True)
        shown = canvas.cut(name, end - begin - _APART, size, bold=True)
        canvas.text((end, above), shown, size, bold=True, across="right")

    def _arrow(
        self, left: float, right: float, row: float, gradient: float | None, *,
        cut: str = "", labelled: bool = True,
    ) -> None:  # fmt: skip
        """Data to the right and, where a gradient came back, to the left below it."""
        canvas, theme = self.canvas, self.canvas.theme
        canvas.arrow((left + 0.06, row), (right - 0.06, row), theme.ink)
        middle = (left + right) / 2
        if cut:
            for shift in (-0.05, 0.05):
                ends = (middle + shift - 0.05, row - 0.2), (middle + shift + 0.05, row + 0.2)
                canvas.line(ends, theme.paper, line=5, order=3.4)
                canvas.line(ends, theme.bad, line=2.2, order=3.5)
            canvas.text((middle, row + 0.28), cut, _NAME, colour=theme.bad, bold=True)
        if gradient is None:
            return
        back = row - _BACK
        canvas.arrow((right - 0.06, back), (left + 0.06, back), theme.bad, dashes=_DASHES)
        if labelled:
            text, room = _norm(gradient), right - left - _APART
            if canvas.width_of(text, _SMALL) > room:
                text = number(gradient)  # the dashes say which norm it is
            size = canvas.fitted(text, room, _SMALL)
            canvas.text((middle, back - 0.2), text, size, colour=theme.bad)

    def _answer(self, lane: Lane, left: float, row: float, *, backward: bool) -> None:
        """From the last network to the loss, with what it said."""
        canvas, tensor = self.canvas, lane.tensors[-1]
        right = self._loss_box()[0]
        gradient = tensor.gradient if backward else None
        self._arrow(left, right, row, gradient)
        mean = lane.verdict.mean if lane.verdict is not None else None
        shown = f"{tensor.name} {number(mean)}" if mean is not None else tensor.name
        room = right - left - 0.15
        size = canvas.fitted(shown, room, _ANSWER, bold=True)
        shown = canvas.cut(shown, room, size, bold=True)
        colour = canvas.theme.role(lane.boxes[-1].role)
        at = ((left + right) / 2, row + 0.12)
        canvas.text(at, shown, size, bold=True, colour=colour)

    def _boxes(self, *, backward: bool) -> None:
        """The networks; one that stands in neighbouring lanes is one tall box."""
        for place, rows, box in self._runs():
            left, width = self._sides(place)[0], self._box_width
            low, high = min(rows) - self._box_height / 2, max(rows) + self._box_height / 2
            around = (left, low, width, high - low)
            room = None if min(rows) == self._row(len(self.panel.lanes) - 1) else self._room_between
            draw_network(self.canvas, self.words, box, around, backward=backward, room=room)

    @property
    def _room_between(self) -> float:
        """Inches below a network, above the next lane, that what cuts autograd off leaves free."""
        cut = self.canvas.width_of(NO_GRAD, _NAME, bold=True)
        return self._column(1) - self._column(0) + self._box_width / 2 - cut

    def _runs(self) -> Iterator[tuple[int, list[float], Box]]:
        """Column of each box, the rows that it spans, and the box."""
        for place in range(1, 2 * self.boxes, 2):
            run: tuple[list[float], Box] | None = None
            for index, lane in enumerate(self.panel.lanes):
                at = (place - self._first(lane) - 1) // 2
                box = lane.boxes[at] if 0 <= at < len(lane.boxes) else None
                if run and (
                    box is None or (box.network, box.part) != (run[1].network, run[1].part)
                ):
                    yield place, *run
                    run = None
                if box is not None:
                    run = ([*run[0], self._row(index)] if run else [self._row(index)]), box
            if run:
                yield place, *run


def _norm(value: float) -> str:
    return f"‖∇‖ {number(value)}"
