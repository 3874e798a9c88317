"""What models and telephone minutes cost: `prices.toml`, and a file of the user's own over it."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from phoneagent.core.costs import Price

BUILT_IN = Path(__file__).with_name("prices.toml")

_AMOUNTS = frozenset(f.name for f in fields(Price))
_TABLES = frozenset({"models", "telephone"})


class PricesError(ValueError):
    """A price file that cannot be used; says the file, the entry and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices in US dollars: of models by name, and of telephone services per started minute."""

    models: Mapping[str, Price]
    telephone: Mapping[str, Decimal]

    def without_telephone(self) -> Prices:
        """The same for calls that no carrier bills."""
        return replace(self, telephone={})

    def telephone_minutes(self, seconds: float) -> Decimal:
        """What Twilio bills for a call of this length with a media stream; each started minute counts."""
        return math.ceil(seconds / 60) * sum(self.telephone.values(), Decimal(0))


def load(override: Path | None = None) -> Prices:
    """The built-in prices; an entry of the file `override` replaces the built-in one. Raises PricesError."""
    models: dict[str, Price] = {}
    telephone: dict[str, Decimal] = {}
    for path in (BUILT_IN, override):
        if path is None:
            continue
        tables = _read(path)
        models |= {name: _price(entry, path, name) for name, entry in tables.get("models", {}).items()}
        telephone |= {
            name: _price(entry, path, name, frozenset({"minute"})).minute
            for name, entry in tables.get("telephone", {}).items()
        }
    return Prices(models, telephone)


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PricesError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:  # not UTF-8, not TOML
        raise PricesError(f"{path} is not TOML: {error}") from error
    for name, table in tables.items():
        if name not in _TABLES or not isinstance(table, dict):
            raise PricesError(f"{path}: {name} is not a table of prices; use [models.<name>] or [telephone.<name>]")
    return tables


def _price(entry: object, path: Path, name: str, amounts: frozenset[str] = _AMOUNTS) -> Price:
    if not isinstance(entry, dict):
        raise PricesError(f"{path}: {name} must be a table of prices")
    if unknown := sorted(entry.keys() - amounts - {"date", "source"}):
        raise PricesError(f"{path}: {name}.{unknown[0]} is not one of {', '.join(sorted(amounts))}, date, source")
    if not isinstance(entry.get("date"), date) or not isinstance(entry.get("source"), str):
        raise PricesError(f"{path}: {name} needs a date (2026-11-01) and a source, so that it can be checked again")
    return Price(**{key: _amount(value, path, name, key) for key, value in entry.items() if key in amounts})


def _amount(value: object, path: Path, name: str, key: str) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        raise PricesError(f'{path}: {name}.{key} must be an amount in US dollars such as "0.40", got {value!r}')
    return amount
