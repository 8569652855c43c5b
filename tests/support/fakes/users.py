"""Accounts in memory."""

from datetime import UTC, datetime
from uuid import uuid4

from contracts.opaque import invalid_token
from contracts.users import Account, AccountPage, NewUser, User, ValidatedUser, ValidateUser
from saga.participant import NotFound, Rejected


class FakeUsers:
    """Implements `contracts.users.UserService`."""

    def __init__(self) -> None:
        self._users: dict[str, User] = {}

    async def create(self, user: NewUser) -> User:
        made = User(
            id=f"usr_{uuid4().hex}", active=True, created_at=datetime.now(UTC), **user.model_dump()
        )
        self._users[made.id] = made
        return made

    async def get(self, user_id: str) -> User:
        if user_id not in self._users:
            raise NotFound("unknown_user", f"there is no user {user_id}")
        return self._users[user_id]

    async def list_accounts(self, *, limit: int, cursor: str | None) -> AccountPage:
        newest = [*reversed(self._users.values())]
        if cursor is not None:
            ids = [user.id for user in newest]
            if cursor not in ids:
                raise invalid_token()
            newest = newest[ids.index(cursor) + 1 :]
        fields = set(Account.model_fields)
        items = tuple(Account(**user.model_dump(include=fields)) for user in newest[:limit])
        more = len(newest) > limit
        return AccountPage(items=items, next_cursor=items[-1].id if more else None)

    async def deactivate(self, user_id: str) -> User:
        closed = (await self.get(user_id)).model_copy(update={"active": False})
        self._users[user_id] = closed
        return closed

    async def erase(self, user_id: str) -> User:
        nothing = {"name": "", "email": "", "active": False, "erased": True}
        erased = (await self.get(user_id)).model_copy(update=nothing)
        self._users[user_id] = erased
        return erased

    async def validate(self, command: ValidateUser) -> ValidatedUser:
        if not (await self.get(command.customer_id)).active:
            raise Rejected("user_inactive", f"user {command.customer_id} is not active")
        return ValidatedUser(customer_id=command.customer_id)
