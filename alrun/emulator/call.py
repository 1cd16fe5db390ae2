"""One request, parsed, as the handlers of either protocol see it; and pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from alrun.emulator.backend import Backend
from alrun.emulator.rejection import Rejection

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """A request by a user who proved who they are.

    Attributes
    ----------
    sign
        Makes a URL that works for a while without a key, of a kind of content (`image`) of a data hash.
    args
        What stands in the variable parts of the path.
    query
        The query parameters, each with all its values.
    body
        The JSON that was sent, None without any.
    """

    backend: Backend
    user: str
    role: int
    sign: Callable[[str, str], str]
    args: tuple[str, ...] = ()
    query: Mapping[str, Sequence[str]] = field(default_factory=dict)
    body: Any = None

    def one(self, name: str) -> str | None:
        """Return a query parameter that is given once at most."""
        values = self.query.get(name, ())
        if len(values) > 1:
            raise Rejection(400, f"{name} is given {len(values)} times")
        return values[0] if values else None

    def need(self, name: str, kind: type[T]) -> T:
        """Return a member of the body; reject the request if it is absent or of another type."""
        value = self.body.get(name) if isinstance(self.body, dict) else None
        if not isinstance(value, kind):
            raise Rejection(400, f"{name} must be a {kind.__name__}, not {value!r}")
        return value

    def strings(self, name: str) -> list[str]:
        """Return a member of the body that is a list of strings."""
        values = self.need(name, list)
        if not all(isinstance(value, str) for value in values):
            raise Rejection(400, f"{name} must hold strings")
        return values

    def page(self, items: Sequence[T], key: Callable[[T], str], show: Callable[[list[T]], list[Any]]) -> dict[str, Any]:
        """Return the page of `items` that is asked for, and the token of the next one.

        Parameters
        ----------
        items
            All of them, sorted by `key` if tokens are keys.
        key
            What a token of the policy `pages_by=key` holds.
        show
            Turns the items of the page into JSON.
        """
        size = self._page_size()
        token = self.one("pageToken")
        start = 0
        if token is not None and self.backend.policies.pages_by == "key":
            start = sum(key(item) <= token for item in items)
        elif token is not None:
            start = _number(token, "pageToken")
        page = list(items[start : start + size])
        following = None
        if start + size < len(items):
            following = key(page[-1]) if self.backend.policies.pages_by == "key" else str(start + size)
        return {"results": show(page), "nextPageToken": following}

    def _page_size(self) -> int:
        size = self.one("pageSize")
        if size is None:
            return self.backend.policies.page_size
        return min(max(1, _number(size, "pageSize")), self.backend.policies.items_per_request)


def at_most(limit: int, given: int) -> None:
    """Reject a v2 request that holds too much."""
    if given > limit:
        raise Rejection(413, f"{given} items are too many for one request: at most {limit} are allowed")


def _number(text: str, name: str) -> int:
    if not text.isdigit():
        raise Rejection(400, f"{name} is not a number: {text!r}")
    return int(text)
