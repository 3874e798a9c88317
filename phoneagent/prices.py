"""What models and telephone services cost: `prices.toml`, and a file of the user's own over it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, get_args

from phoneagent.core.costs import Price, Rate, Service

BUILT_IN = Path(__file__).with_name("prices.toml")
LOCAL = "local"  # the price of the embedded engine, whatever model an agent names

_SOURCED = ("as_of", "source")
_TABLES = ("models", "transcription", "after_call", "telephone")
_SERVICES = get_args(Service)
_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")
_UNBELIEVABLE = 1_000_000  # US dollars


class PricesError(ValueError):
    """A price file that cannot be used; says the file, the line, the entry and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices in US dollars: of models that talk, that transcribe and that read transcripts, by name, and of telephone
    services."""

    models: Mapping[str, Price]
    transcription: Mapping[str, Price]
    after_call: Mapping[str, Price]
    telephone: Mapping[Service, Rate]

    @property
    def as_of(self) -> date:
        """When the oldest of them was read."""
        models = (self.models, self.transcription, self.after_call)
        prices = [price.as_of for table in models for price in table.values()]
        return min(prices + [rate.as_of for rate in self.telephone.values()])

    def without_telephone(self) -> Prices:
        """The same for calls that no carrier bills."""
        return replace(self, telephone={})


def price_of(model: str, prices: Mapping[str, Price]) -> Price | None:
    """The price of a model, or of what it is a snapshot of (gpt-realtime-2025-08-28); None if there is none."""
    return prices.get(model) or prices.get(_SNAPSHOT.sub("", model))


def load(override: Path | None = None) -> Prices:
    """The built-in prices; an entry of the file `override` replaces the built-in one. Raises PricesError."""
    models: dict[str, Price] = {}
    transcription: dict[str, Price] = {}
    after_call: dict[str, Price] = {}
    telephone: dict[Service, Rate] = {}
    for path in (BUILT_IN, override):
        if path is None:
            continue
        file = _File.read(path)
        models |= {name: file.price("models", name) for name in file.names("models")}
        transcription |= {name: file.price("transcription", name) for name in file.names("transcription")}
        after_call |= {name: file.price("after_call", name) for name in file.names("after_call")}
        telephone |= {_service(file, name): file.rate("telephone", name) for name in file.names("telephone")}
    return Prices(models, transcription, after_call, telephone)


def _service(file: _File, name: str) -> Service:
    for service in _SERVICES:
        if name == service:
            return service  # type: ignore[no-any-return]
    raise file.error(("telephone", name), f"is not one of telephone.{', '.join(_SERVICES)}")


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    text: str
    tables: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> _File:
        """The file, if it holds the tables that there are. Raises PricesError."""
        try:
            text = path.read_text(encoding="utf-8")
            file = cls(path, text, _parsed(text))
        except OSError as error:
            raise PricesError(f"{path} cannot be read: {error.strerror}") from error
        except ValueError as error:  # not UTF-8, not TOML
            raise PricesError(f"{path} is not TOML: {error}") from error
        for name, table in file.tables.items():
            if name not in _TABLES or not isinstance(table, dict):
                raise file.error(
                    (name,),
                    f"is not a table of prices; use one of {', '.join(f'[{table}.<name>]' for table in _TABLES)}",
                )
        return file

    def names(self, table: str) -> list[str]:
        return list(self.tables.get(table, {}))

    def price(self, table: str, name: str) -> Price:
        return Price(**self._entry(table, name, [f.name for f in fields(Price)]))

    def rate(self, table: str, name: str) -> Rate:
        return Rate(**self._entry(table, name, [f.name for f in fields(Rate)]))

    def error(self, where: tuple[str, ...], reason: str) -> PricesError:
        return PricesError(f"{self.path}:{self._line(where)}: {'.'.join(where)} {reason}")

    def _entry(self, table: str, name: str, keys: list[str]) -> dict[str, Any]:
        where, entry = (table, name), self.tables[table][name]
        if not isinstance(entry, dict):
            raise self.error(where, "must be a table of prices")
        for key in entry:
            if key not in keys:
                raise self.error((*where, key), f"is not one of {', '.join(keys)}")
        if type(entry.get("as_of")) is not date or not isinstance(entry.get("source"), str) or not entry["source"]:
            raise self.error(where, "needs as_of = 2026-11-01 and a source, so that it can be checked again")
        amounts = {key: self._amount((*where, key), value) for key, value in entry.items() if key not in _SOURCED}
        if not amounts:
            raise self.error(where, f"has no price: set {', '.join(key for key in keys if key not in _SOURCED)}")
        return amounts | {key: entry[key] for key in _SOURCED}

    def _amount(self, where: tuple[str, ...], value: object) -> Decimal:
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            amount = Decimal(-1)
        if not amount.is_finite() or not 0 <= amount < _UNBELIEVABLE:
            raise self.error(where, f'must be an amount in US dollars such as "0.40", got {value!s:.40}')
        return amount

    def _line(self, where: tuple[str, ...]) -> int:
        """The line in which something is said: the first at whose end it is there, in whichever way of TOML."""
        lines = self.text.splitlines(keepends=True)
        for count in range(1, len(lines)):
            try:
                found: Any = _parsed("".join(lines[:count]))
            except tomllib.TOMLDecodeError:
                continue  # within a value of several lines
            for key in where:
                found = found.get(key) if isinstance(found, dict) else None
            if found is not None:
                return count
        return len(lines)


def _parsed(text: str) -> dict[str, Any]:
    return tomllib.loads(text, parse_float=Decimal)
