"""The flow of data while a step is recorded: what fed a loss, its parts, and who feeds whom.

It reads the records themselves: a tensor that one call made and another took has one record.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence

from ganscope.probe import names
from ganscope.probe.drafts import Draft
from ganscope.probe.gradients import Run
from ganscope.probe.tensors import TRANSFORMED, TensorDraft
from ganscope.traces import LossPart

_Term = tuple[Draft | None, TensorDraft, str | None, str | None]
"""A scalar: who made it, itself, the variable that it was assigned to where the loss was put
together, and where it was made."""

_Sources = tuple[set[str], bool]
"""Networks, and whether anything comes from none."""

_MOST_PARTS = 64
"""Parts of a loss that are told; the last of them is the sum of all further ones."""


class Flow:
    """The calls of one step as a graph that grows with it."""

    def __init__(self) -> None:
        self._by_ident: dict[int, Draft] = {}
        self._outermost: dict[int, Draft] = {}
        self._inside: dict[int, list[int]] = {}
        """Numbers of the calls inside an outermost one, itself included."""
        # By id: the drafts keep every record in here alive.
        self._makers: dict[int, Draft] = {}
        self._holders: dict[int, list[Draft]] = {}
        self._fed: set[int] = set()
        """Numbers of the outermost calls that have fed a loss."""
        self._sources: dict[int, _Sources] = {}

    @property
    def drafts(self) -> list[Draft]:
        """The calls, in the order in which they began."""
        return list(self._by_ident.values())

    def has(self, ident: int) -> bool:
        """Whether the call of this number is one of them."""
        return ident in self._by_ident

    def extend(self, drafts: Sequence[Draft]) -> None:
        """Take in further calls, in the order in which they began."""
        for draft in drafts:
            self._by_ident[draft.ident] = draft
            outermost = self._outermost[draft.ident] = self._outermost_of(draft)
            self._inside.setdefault(outermost.ident, []).append(draft.ident)
            given = set(map(id, _records(draft.inputs)))
            for record in _records(draft.outputs):
                self._holders.setdefault(id(record), []).append(draft)
                # What a network hands on as it came was made where it came from.
                if outermost is draft and id(record) not in given:
                    # A loss of one part, or an alias, came out of the first that made it.
                    self._makers.setdefault(id(record), draft)

    def maker_of(self, record: TensorDraft) -> Draft | None:
        """The outermost call that made a tensor."""
        while record.origin is not None and id(record) not in self._makers:
            record = record.origin
        return self._makers.get(id(record))

    def fed(self, runs: Iterable[Run], arrived: Iterable[TensorDraft] = ()) -> list[int]:
        """The numbers of all calls from which the engine's runs started, directly or not.

        Args:
            runs: Those since the last time.
            arrived: Tensors at which gradients have arrived since.

        Returns:
            Only those that were not known to have fed a loss before.
        """
        found: list[int] = []
        waiting = [root for run in runs for root in run.roots]
        while waiting:
            maker = self.maker_of(waiting.pop())
            if maker is not None and self._feeds(maker, found):
                waiting += _records(maker.inputs)
        for record in arrived:
            for draft in self._holders.get(id(record), ()):
                self._feeds(draft, found)
        for draft in self._by_ident.values() if runs else ():
            if _is_transformed(draft):
                self._feeds(draft, found)
        return sorted(each for outermost in found for each in self._inside[outermost])

    def _feeds(self, draft: Draft, found: list[int]) -> bool:
        """Note that a call fed a loss; whether that is new."""
        outermost = self._outermost[draft.ident].ident
        is_new = outermost not in self._fed
        if is_new:
            self._fed.add(outermost)
            found.append(outermost)
        return is_new

    def parts_of(self, loss: TensorDraft, name: str) -> tuple[LossPart, ...]:
        """The scalars that fed a loss through arithmetic, named as in the user's code."""
        found = self._terms([loss], None, name)
        while len(found) == 1 and (maker := found[0][0]) is not None and self._is_sum(maker):
            found = self._terms(_records(maker.inputs), maker, name)
        # What no call made that was seen is told beside others alone, unless it is nothing.
        found = [term for term in found if term[0] is not None or value_of(term[1])]
        if len(found) < 2 or all(term[0] is None for term in found):
            return ()
        holders = Counter(outer for _, _, outer, _ in found)
        valued = [(term, value_of(term[1])) for term in found]
        seen = [(term, value) for term, value in valued if value is not None]
        told = len(seen) if len(seen) <= _MOST_PARTS else _MOST_PARTS - 1
        names = _names_of([term for term, _ in seen[:told]], holders, name)
        values = [value for _, value in seen]
        if told < len(seen):
            names.append(f"sum of {len(seen) - told} more")
            values[told:] = [sum(values[told:])]
        return tuple(map(LossPart, names, values))

    def edges(self, fed: Iterable[int]) -> tuple[set[tuple[str, str]], set[str]]:
        """Which network's output reaches which other, and who takes what no network made.

        Args:
            fed: The numbers of the calls that count: those that were found to feed a loss.
        """
        edges: set[tuple[str, str]] = set()
        outside: set[str] = set()
        for ident in fed:
            outermost = self._by_ident[ident]
            if self._outermost[ident] is not outermost or not outermost.network:
                continue
            sources, free = self._sources_of(outermost)
            edges |= {(source, outermost.network) for source in sources}
            if free:
                outside.add(outermost.network)
        return edges, outside

    def _sources_of(self, draft: Draft) -> _Sources:
        """Networks from which a call's inputs come, and whether one comes from none."""
        waiting = [draft]  # and no recursion: thousands of operations may stand in between
        while waiting:
            last = waiting[-1]
            if last.ident in self._sources:
                waiting.pop()
                self._sources[last.ident] = self._sources_from(last)
            else:
                self._sources[last.ident] = (set(), False)  # in case the flow runs in a circle
                makers = [self.maker_of(record) for record in _records(last.inputs)]
                waiting += [one for one in makers if one is not None and self._is_open(one)]
        return self._sources[draft.ident]

    def _is_open(self, maker: Draft) -> bool:
        """Whether the flow comes from further back, and it is not known yet from where."""
        return not maker.network and maker.ident not in self._sources

    def _sources_from(self, draft: Draft) -> _Sources:
        """The same, where it is known for the calls that made the inputs."""
        sources: set[str] = set()
        free, beside = False, _joins_batches(draft)
        for record in _records(draft.inputs):
            maker = self.maker_of(record)
            if maker is None:
                free = True
            elif maker.network:
                sources.add(maker.network)
            else:
                more, also_free = self._sources[maker.ident]
                sources |= more
                free = free or also_free
                beside = beside or (also_free and bool(more))
        # What is mixed of a network's output and something else (an interpolation) is no real;
        # what stands beside it in one batch is.
        return sources, free and (beside or not sources)

    def _terms(self, records: Iterable[TensorDraft], whole: Draft | None, loss: str) -> list[_Term]:
        """What was put together to `records`, down to scalars with a variable of their own.

        Args:
            records: Where to begin.
            whole: What puts them together.
            loss: The variable of the loss.
        """
        found: list[_Term] = []
        met: set[int] = set()
        waiting = deque((record, whole) for record in records)
        while waiting:
            record, whole = waiting.popleft()
            maker = self.maker_of(record)
            if id(record) in met:
                continue
            met.add(id(record))
            if maker is None:
                if whole is not None and whole.type in _ADDING and _is_scalar(record):
                    found.append((None, record, None, None))
                continue
            outer, inner = _variables(maker, whole)
            if (outer or inner) in (None, loss) and self._is_sum(maker):
                waiting.extendleft((each, maker) for each in reversed(_records(maker.inputs)))
            else:
                found.append((maker, record, outer, inner))
        return found

    def _is_sum(self, maker: Draft) -> bool:
        """Whether `maker` puts scalars together."""
        inputs = _records(maker.inputs)
        return maker.kind == "op" and bool(inputs) and all(map(_is_scalar, inputs))

    def _outermost_of(self, draft: Draft) -> Draft:
        while draft.parent is not None and draft.parent in self._by_ident:
            draft = self._by_ident[draft.parent]
        return draft


def value_of(record: TensorDraft) -> float | None:
    """The one value of a scalar; its figures have been settled."""
    preview = record.finish().preview
    return float(preview[0]) if preview else None


def _names_of(terms: Iterable[_Term], holders: Mapping[str | None, int], loss: str) -> list[str]:
    """A name for each of the parts of a loss, with a number behind it where it is taken."""
    names: list[str] = []
    taken = {loss}
    for maker, _, outer, inner in terms:
        # Several in one variable, a list perhaps, are none of them what that holds.
        wanted = outer if outer is not None and holders[outer] == 1 else inner
        if wanted is None or wanted in taken:
            wanted = "other" if maker is None else maker.path or maker.text or maker.type
        unique, count = wanted, 1
        while unique in taken:
            count += 1
            unique = f"{wanted} #{count}"
        taken.add(unique)
        names.append(unique)
    return names


def _records(named: Iterable[tuple[str | None, object]]) -> list[TensorDraft]:
    return [record for _, record in named if isinstance(record, TensorDraft)]


_ADDING = frozenset({"add", "sub", "rsub", "stack", "cat"})
"""Operations whose inputs are terms; a factor is none."""

_JOINING = ("cat", "concat", "concatenate", "vstack")


def _joins_batches(draft: Draft) -> bool:
    """Whether a call only lays the rows of its inputs one after the other."""
    made = _records(draft.outputs)
    if draft.kind != "op" or draft.type not in _JOINING or len(made) != 1:
        return False
    shapes = [record.shape for record in (*_records(draft.inputs), *made)]
    rows = [shape[0] for shape in shapes if shape]
    return len(rows) == len(shapes) and sum(rows[:-1]) == rows[-1]


def _is_scalar(record: TensorDraft) -> bool:
    return record.shape is not None and record.shape.numel() == 1


def _is_transformed(draft: Draft) -> bool:
    """Whether a transform of ``torch.func`` hid what became of what a call made."""
    return any(record.note == TRANSFORMED for record in _records(draft.outputs))


def _variables(maker: Draft, whole: Draft | None) -> tuple[str | None, str | None]:
    """What holds a scalar: in the function that makes `whole` of it, and in those that made it.

    A helper's result bears the name that its caller gives it.
    """
    own = _assignment(maker)
    # What its own statement goes on to change is not yet what that assigns.
    changed = whole is not None and own == _assignment(whole)
    inner = None if own is None or changed else own[0]
    for point in () if whole is None else whole.points:
        codes = [code for code, _ in maker.points]
        if point[0] in codes:
            shared = codes.index(point[0])
            around = [names.assigned_at(each) for each in maker.points[1:shared]]
            nearest = [each[0] for each in around if each is not None and each[0]]
            return names.held_by(maker.points[: shared + 1], point), nearest[
                -1
            ] if nearest else inner
    return None, inner


def _assignment(draft: Draft) -> names.Assignment | None:
    if draft.points:
        return names.assigned_at(draft.points[0])
    return None if draft.place is None else names.assignment(*draft.place)
