"""The user service's contract."""

import pytest

from contracts.users import NewUser, UserService, ValidateUser
from saga.participant import NotFound, Rejected

ADA = NewUser(name="Ada", email="ada@example.com")


async def test_an_account_is_read_as_it_was_opened(users: UserService) -> None:
    opened = await users.create(ADA)
    assert (opened.name, opened.email, opened.active) == ("Ada", "ada@example.com", True)
    assert await users.get(opened.id) == opened


async def test_an_active_customer_may_order(users: UserService) -> None:
    ada = await users.create(ADA)
    assert (await users.validate(ValidateUser(customer_id=ada.id))).customer_id == ada.id


async def test_an_inactive_customer_may_not_order(users: UserService) -> None:
    ada = await users.create(ADA)
    closed = await users.deactivate(ada.id)
    assert not closed.active
    assert await users.deactivate(ada.id) == closed
    with pytest.raises(Rejected) as refused:
        await users.validate(ValidateUser(customer_id=ada.id))
    assert refused.value.code == "user_inactive"


async def test_an_erased_person_is_forgotten_and_may_not_order(users: UserService) -> None:
    ada = await users.create(ADA)
    erased = await users.erase(ada.id)
    assert (erased.name, erased.email, erased.active, erased.erased) == ("", "", False, True)
    assert await users.erase(ada.id) == erased == await users.get(ada.id)
    assert await users.deactivate(ada.id) == erased
    assert erased.created_at == ada.created_at
    with pytest.raises(Rejected) as refused:
        await users.validate(ValidateUser(customer_id=ada.id))
    assert refused.value.code == "user_inactive"


async def test_erasing_one_person_leaves_others_alone(users: UserService) -> None:
    ada, eve = await users.create(ADA), await users.create(ADA)
    await users.erase(ada.id)
    assert await users.get(eve.id) == eve


async def test_an_unknown_customer_is_not_found(users: UserService) -> None:
    for asking in (
        users.get("usr_x"),
        users.deactivate("usr_x"),
        users.erase("usr_x"),
        users.validate(ValidateUser(customer_id="usr_x")),
    ):
        with pytest.raises(NotFound) as refused:
            await asking
        assert refused.value.code == "unknown_user"


async def test_accounts_are_listed_newest_first_and_by_pages(users: UserService) -> None:
    ada, bob, eve = [await users.create(ADA) for _ in range(3)]
    await users.erase(bob.id)
    first = await users.list_accounts(limit=2, cursor=None)
    assert [(row.id, row.active, row.erased) for row in first.items] == [
        (eve.id, True, False),
        (bob.id, False, True),
    ]
    assert first.items[0].created_at == eve.created_at
    last = await users.list_accounts(limit=2, cursor=first.next_cursor)
    assert ([row.id for row in last.items], last.next_cursor) == ([ada.id], None)
    with pytest.raises(Rejected) as refused:
        await users.list_accounts(limit=2, cursor="never handed out")
    assert refused.value.code == "invalid_cursor"
