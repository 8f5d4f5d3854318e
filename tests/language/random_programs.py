"""Draws programs that are valid and whose end does not depend on the order in which answers come.

Parallel bodies have variables of their own and only add to what they share, so that every order gives the same sum.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

from hypothesis import strategies as st

DEPTH: Final = 3  # of blocks inside blocks
_RETRY: Final = {"initial_delay": 1, "max_delay": 8, "multiplier": 2}


@dataclass(slots=True)
class Author:
    """Writes one program. `draw` is Hypothesis's."""

    draw: Any
    steps: int = 0
    names: int = 0
    routines: dict[str, Any] = field(default_factory=dict)

    def program(self) -> str:
        """The source, as JSON."""
        for number in (2, 1):  # a routine calls only those that were written before it
            self.routines[f"sub{number}"] = {
                "params": ["n"],
                "steps": [
                    self._step({"assign": [{"v": "${n}"}, {"total": 0}]}),
                    *self._body(["v"], depth=1, parallel=0),
                    self._step({"return": "${(v + total) % 1000}"}),
                ],
            }
        main = [
            self._step({"assign": [{"a": 1}, {"b": 2}, {"total": 0}]}),
            *self._body(["a", "b"], depth=DEPTH, parallel=0),
            self._step({"return": ["${a}", "${b}", "${total}"]}),
        ]
        return json.dumps({"main": {"steps": main}, **self.routines})

    def _step(self, body: dict[str, Any]) -> dict[str, Any]:
        self.steps += 1
        return {f"s{self.steps}": body}

    def _pick(self, choices: list[Any]) -> Any:
        return self.draw(st.sampled_from(choices))

    def _body(self, own: list[str], *, depth: int, parallel: int) -> list[dict[str, Any]]:
        """Some steps that write the variables `own`."""
        count = self.draw(st.integers(1, 4 if depth == DEPTH else 3))
        return [self._step(self._statement(own, depth, parallel)) for _ in range(count)]

    def _statement(self, own: list[str], depth: int, parallel: int) -> dict[str, Any]:
        simple = [self._assign, self._request, self._request, self._sleep, self._log, self._call, self._raise]
        blocks = [self._switch, self._loop, self._try, self._try, self._group]
        if parallel < 2:
            blocks += [self._branches, self._iterations]
        write = self._pick([*simple, *blocks] if depth else simple)
        return write(own, depth, parallel)

    def _value(self, own: list[str]) -> str:
        name = self._pick(own)
        return self._pick([f"{name} + {self.draw(st.integers(1, 9))}", f"{name} * 3 % 101", f"{name} + total * 0"])

    def _assign(self, own: list[str], _depth: int, _parallel: int) -> dict[str, Any]:
        return {"assign": [{self._pick(own): f"${{{self._value(own)}}}"}]}

    def _request(self, own: list[str], _depth: int, _parallel: int) -> dict[str, Any]:
        """A request, in a `try` of its own so that it may fail; its number is added."""
        name = self._pick(own)
        self.names += 1
        ask = {"call": "http.get", "args": {"url": f'${{"http://world/" + {name}}}'}, "result": f"r{self.names}"}
        body: dict[str, Any] = {
            "try": {"steps": [self._step(ask), self._step({"assign": [{name: f"${{{name} + r{self.names}.body}}"}]})]},
            "except": {"as": "e", "steps": [self._step({"assign": [{name: f"${{{name} + 1}}"}]})]},
        }
        if self.draw(st.booleans()):
            body["retry"] = {
                "predicate": self._pick(["${http.default_retry_predicate}", "${retry.always}"]),
                "max_retries": self.draw(st.integers(0, 3)),
                "backoff": _RETRY,
            }
        return body

    def _sleep(self, _own: list[str], _depth: int, _parallel: int) -> dict[str, Any]:
        return {"call": "sys.sleep", "args": {"seconds": self.draw(st.integers(0, 30))}}

    def _log(self, own: list[str], _depth: int, _parallel: int) -> dict[str, Any]:
        return {"call": "sys.log", "args": {"data": f"${{{self._pick(own)}}}"}}

    def _call(self, own: list[str], _depth: int, _parallel: int) -> dict[str, Any]:
        """A call of a routine that was written before, as a step or in an expression."""
        if not self.routines:
            return self._assign(own, 0, 0)
        routine, name = self._pick(sorted(self.routines)), self._pick(own)
        if self.draw(st.booleans()):
            return {"call": routine, "args": {"n": f"${{{name}}}"}, "result": name}
        return {"assign": [{name: f"${{{routine}({name}) + {routine}(1)}}"}]}

    def _raise(self, own: list[str], _depth: int, _parallel: int) -> dict[str, Any]:
        """An error, now and then."""
        name = self._pick(own)
        cause = {"raise": f'${{"bad " + {name}}}'}
        return {"switch": [{"condition": f"${{{name} % 5 == {self.draw(st.integers(0, 4))}}}", **cause}]}

    def _switch(self, own: list[str], depth: int, parallel: int) -> dict[str, Any]:
        name = self._pick(own)
        inner = self._body(own, depth=depth - 1, parallel=parallel)
        return {"switch": [{"condition": f"${{{name} % 2 == {self.draw(st.integers(0, 1))}}}", "steps": inner}]}

    def _group(self, own: list[str], depth: int, parallel: int) -> dict[str, Any]:
        return {"steps": self._body(own, depth=depth - 1, parallel=parallel)}

    def _range(self) -> dict[str, Any]:
        self.names += 1
        return {"value": f"i{self.names}", "range": [1, self.draw(st.integers(0, 3))]}

    def _loop(self, own: list[str], depth: int, parallel: int) -> dict[str, Any]:
        head = self._range()
        inner = self._body(own, depth=depth - 1, parallel=parallel)
        name = self._pick(own)
        leave = self._step(
            {"switch": [{"condition": f"${{{name} % 7 == 3}}", "next": self._pick(["break", "continue"])}]}
        )
        add = self._step({"assign": [{name: f"${{{name} + {head['value']}}}"}]})
        return {"for": {**head, "steps": [leave, *inner, add]}}

    def _try(self, own: list[str], depth: int, parallel: int) -> dict[str, Any]:
        body: dict[str, Any] = {"try": {"steps": self._body(own, depth=depth - 1, parallel=parallel)}}
        if self.draw(st.booleans()):
            retries = self.draw(st.integers(0, 2))
            body["retry"] = {"predicate": "${retry.always}", "max_retries": retries, "backoff": _RETRY}
        body["except"] = {"as": "e", "steps": self._body(own, depth=0, parallel=parallel)}
        return body

    def _thread(self, depth: int, parallel: int) -> list[dict[str, Any]]:
        """The body of a branch: a variable of its own, at the end of which it adds to the sum."""
        self.names += 1
        mine = f"p{self.names}"
        return [
            self._step({"assign": [{mine: self.draw(st.integers(0, 9))}]}),
            *self._body([mine], depth=depth - 1, parallel=parallel + 1),
            self._step({"assign": [{"total": f"${{total + {mine}}}"}]}),
        ]

    def _branches(self, _own: list[str], depth: int, parallel: int) -> dict[str, Any]:
        count = self.draw(st.integers(1, 3))
        work = [self._step({"steps": self._thread(depth, parallel)}) for _ in range(count)]
        return {"parallel": {"shared": ["total"], **self._limit(), "branches": work}}

    def _iterations(self, _own: list[str], depth: int, parallel: int) -> dict[str, Any]:
        loop = {**self._range(), "steps": self._thread(depth, parallel)}
        return {"parallel": {"shared": ["total"], **self._limit(), "for": loop}}

    def _limit(self) -> dict[str, Any]:
        return {"concurrency_limit": self.draw(st.integers(1, 3))} if self.draw(st.booleans()) else {}


@st.composite
def programs(draw: Any) -> str:
    """Sources of programs."""
    return Author(draw).program()
