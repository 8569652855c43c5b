"""A worker that wants search attributes hears before it starts that a namespace lacks them."""

import re

import pytest

from contracts import names
from saga.lint import SEARCH_ATTRIBUTES, MissingSearchAttributes, check_search_attributes
from tests.support.world import World


def test_orders_have_those_of_the_engine_too() -> None:
    assert set(SEARCH_ATTRIBUTES) == {*names.SEARCH_ATTRIBUTES} - {
        names.ORDER_STATUS,
        names.CUSTOMER_ID,
    }


async def test_those_that_are_registered_are_found(world: World) -> None:
    await check_search_attributes(world.client, patience=0)


async def test_one_that_is_missing_is_named_with_the_command_that_registers_it(
    world: World,
) -> None:
    command = "search-attribute create -n default --name Unheard --type Keyword"
    with pytest.raises(MissingSearchAttributes, match=re.escape(command)):
        await check_search_attributes(world.client, ["SagaState", "Unheard"], patience=0)
