"""The user service's language. Personal data lives behind it and nowhere else."""

from typing import Protocol

from pydantic import Field

from contracts.base import Message, Name, ToldTime

# Regular expressions differ in what white space is: controls and U+FEFF are named, so that a
# client's JSON Schema and we agree.
_OF_EMAIL = r"[^@\s\x00-\x1f\x7f-\x9f\ufeff]+"


class NewUser(Message):
    """Who wants an account."""

    name: Name
    email: str = Field(min_length=3, max_length=320, pattern=rf"^{_OF_EMAIL}@{_OF_EMAIL}$")


class User(Message):
    """An account. Only an active one may order."""

    id: str
    name: str
    email: str
    active: bool
    created_at: ToldTime
    erased: bool = Field(default=False, description="The person is forgotten; so are these fields")


class Account(Message):
    """An account without the person: what a list may show of it."""

    id: str
    active: bool
    created_at: ToldTime
    erased: bool


class AccountPage(Message):
    """Accounts, newest first; `next_cursor` continues the list, if there is more."""

    items: tuple[Account, ...]
    next_cursor: str | None


class ValidateUser(Message):
    """Ask whether this customer may order."""

    customer_id: str


class ValidatedUser(Message):
    """The customer exists and is active."""

    customer_id: str


class UserService(Protocol):
    """Accounts, and whether they may order."""

    async def create(self, user: NewUser) -> User:
        """Open an account."""

    async def get(self, user_id: str) -> User:
        """Read an account. NotFound if there is none."""

    async def list_accounts(self, *, limit: int, cursor: str | None) -> AccountPage:
        """A page of accounts, newest first, and of no personal data. Rejected `invalid_cursor`."""

    async def deactivate(self, user_id: str) -> User:
        """Close an account for new orders; repeating it changes nothing. NotFound if none."""

    async def erase(self, user_id: str) -> User:
        """Forget the person for good, and close the account; repeating it changes nothing.

        Orders under way go on: they know the account's id alone. NotFound if there is none.
        """

    async def validate(self, command: ValidateUser) -> ValidatedUser:
        """Rejected `user_inactive` or NotFound `unknown_user` if the customer may not order."""
