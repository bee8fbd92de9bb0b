"""Whom a restore takes for whom: by a map, by themselves, by rules in another tenant's directory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.catalog.nouns import OwnerRow
from shared.flows.people import Counterparts, merged, read_map
from shared.graph.steps import Whom
from shared.kinds.people import counterparts, person_of
from shared.model import Owner, People, Person, Place
from tests.play import play
from tests.rig import Worlds, process, worlds

ADELE = "adele@contoso.example"


@pytest.fixture
async def there() -> AsyncIterator[Worlds]:
    async with worlds() as found:
        yield found


async def stands_for(there: Worlds, person: Person, people: People, *, abroad: bool = True) -> str | None:
    house = process(there)
    source = Owner("old" if abroad else there.tenant.id, "user", "x")
    place = Place(Owner(there.tenant.id, "user", "y"), people=people)
    asked = Counterparts(house, await house.graph("restore"), source, place)
    [found] = (await asked.answer(Whom("GET", "", people=(person,)))).values
    return found["upn"] or found["mail"] or found["id"] if found else None


async def test_at_home_everybody_is_who_they_are_and_nobody_is_asked_for(there: Worlds) -> None:
    before = sum(there.running.traffic.shapes.values())
    assert await stands_for(there, Person("gone for long"), People(), abroad=False) == "gone for long"
    assert sum(there.running.traffic.shapes.values()) == before


async def test_at_home_a_map_sends_what_was_one_persons_to_another(there: Worlds) -> None:
    people = People({"Bernd@Contoso.Example": ADELE})
    assert await stands_for(there, Person(upn="bernd@contoso.example"), people, abroad=False) == ADELE
    assert await stands_for(there, Person("other"), people, abroad=False) == "other"


async def test_abroad_a_person_is_found_by_name_by_address_or_not_at_all(there: Worlds) -> None:
    assert await stands_for(there, Person("1", ADELE), People()) == ADELE
    there.tenant.add_user("guest#EXT#", "Guest", mail="guest@fabrikam.example", user_type="Guest")
    assert await stands_for(there, Person("1", "", "guest@fabrikam.example"), People()) == "guest#ext#@contoso.example"
    assert await stands_for(there, Person("1", "", "guest@fabrikam.example"), People(rules=("upn",))) is None
    assert await stands_for(there, Person("1", ADELE, ADELE), People(rules=("none",))) is None


async def test_abroad_an_id_of_the_old_tenant_is_nobodys(there: Worlds) -> None:
    adele = there.tenant.find_user(ADELE)
    assert adele is not None
    assert await stands_for(there, Person(adele.id), People()) is None


async def test_a_domain_that_stands_for_another_is_translated(there: Worlds) -> None:
    people = People({"@Old.example": "@contoso.example"})
    assert await stands_for(there, Person("1", "adele@old.example"), people) == ADELE
    assert await stands_for(there, Person("1", "nobody@old.example"), people) is None


async def test_who_is_known_by_id_alone_is_named_by_what_the_directory_said(there: Worlds) -> None:
    await process(there).catalog.put_owner(OwnerRow(Owner("old", "user", "1", ADELE)))
    assert await stands_for(there, Person("1"), People()) == ADELE


async def test_a_group_is_found_by_its_address(there: Worlds) -> None:
    crew = Person("1", "", "crew@contoso.example", "group")
    assert await stands_for(there, crew, People()) == "crew@contoso.example"


async def test_an_address_that_two_have_names_nobody(there: Worlds) -> None:
    for name in ("twin1", "twin2"):
        there.tenant.add_user(name, "Twin", mail="shared@contoso.example")
    assert await stands_for(there, Person("1", "", "shared@contoso.example"), People()) is None


async def test_a_directory_that_may_not_be_read_is_told(there: Worlds) -> None:
    there.tenant.faults.plan([{"match": {"path": "/users"}, "do": "status", "status": 403, "code": "Denied"}])
    house = process(there)
    place = Place(Owner(there.tenant.id, "user", "y"))
    asked = Counterparts(house, await house.graph("restore"), Owner("old", "user", "x"), place)
    assert (await asked.answer(Whom("GET", "", people=(Person("1", ADELE),)))).status == 403


async def test_each_person_is_looked_up_once(there: Worlds) -> None:
    house = process(there)
    place = Place(Owner(there.tenant.id, "user", "y"))
    asked = Counterparts(house, await house.graph("restore"), Owner("old", "user", "x"), place)
    for _ in range(3):
        await asked.answer(Whom("GET", "", people=(Person("1", ADELE),)))
    assert there.running.traffic.shapes["restore GET /users/{id}"] == 1


def test_an_orders_map_goes_before_the_operators() -> None:
    house = People({"a@x.example": "b@y.example", "c@x.example": "d@y.example"}, ("mail",))
    both = merged(People({"A@X.example": "z@y.example"}), house)
    assert both == People({"a@x.example": "z@y.example", "c@x.example": "d@y.example"}, ("mail",))


def test_a_mapping_file_has_a_line_for_each_person_or_domain() -> None:
    text = "\ufeff# who, whom\nann@old.example, anna@new.example\n\n@old.example;@new.example\n"
    assert read_map(text) == {"ann@old.example": "anna@new.example", "@old.example": "@new.example"}


@pytest.mark.parametrize("line", ["ann@old.example", "a,b,c", ",b", "@old.example,ann@new.example"])
def test_a_line_that_is_none_is_named(line: str) -> None:
    with pytest.raises(ValueError, match="line 2"):
        read_map(f"a,b\n{line}\n")


def test_a_record_names_people_in_many_ways() -> None:
    claim = {"siteUser": {"id": "7", "loginName": "i:0#.f|membership|Ann@contoso.example"}}
    assert person_of(claim) == Person("", "ann@contoso.example")
    assert person_of({"user": {"id": "u1", "email": "Ann@x.example"}}) == Person("u1", "", "ann@x.example")
    assert person_of({"group": {"id": "g1"}}) == Person("g1", type="group")
    assert person_of({"id": "u1", "displayName": "Ann"}) == Person("u1")
    nobody: list[object] = [{"application": {"id": "a"}}, {"siteGroup": {"id": "3"}}, {"user": {}}, None, "x"]
    assert [person_of(one) for one in nobody] == [None] * 5


def test_people_are_asked_for_once_and_none_costs_nothing() -> None:
    act = counterparts([Person("a"), Person("a"), Person("b")])
    found, asked = play(act, whom=lambda person: Person("z") if person.id == "a" else None)
    assert found == {Person("a"): Person("z"), Person("b"): None} and asked == []
    assert play(counterparts([])) == ({}, [])
