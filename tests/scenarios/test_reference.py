"""The scenario reference tells every key that a scenario may have."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from pydantic import BaseModel

from scenarios.catalogue import SHIPPED
from scenarios.objectives import QUANTITIES
from scenarios.scenario import Scenario
from scenarios.shapes import fields_by_key

REFERENCE = (SHIPPED / "README.md").read_text(encoding="utf-8")


def vocabularies(vocabulary: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """The vocabulary and all that its fields hold, by name."""
    found = {vocabulary.__name__: vocabulary}
    open_types = [field.annotation for field in vocabulary.model_fields.values()]
    while open_types:
        kind = open_types.pop()
        open_types += get_args(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found |= vocabularies(kind)
    return found


@pytest.mark.parametrize("name", sorted(vocabularies(Scenario)))
def test_every_key_has_a_line_in_the_reference(name: str) -> None:
    section = re.search(rf"^### .*\({name}\)\n(.*?)(?=^##|\Z)", REFERENCE, re.MULTILINE | re.DOTALL)
    assert section, f"no section for {name}"
    lines = re.findall(r"^\| `(\w+)` \|", section[1], re.MULTILINE)
    assert lines == list(fields_by_key(vocabularies(Scenario)[name]))


def test_every_quantity_of_an_objective_is_told() -> None:
    assert all(f"`{name}`" in REFERENCE for names in QUANTITIES.values() for name in names)
