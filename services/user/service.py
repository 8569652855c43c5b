"""The rules of accounts. One method is one transaction."""

from uuid import uuid4

from sqlalchemy import Executable, insert, select, update

from contracts.errors import NotFound, Rejected
from contracts.users import NewUser, User, ValidatedUser, ValidateUser
from infrastructure.database import Database
from services.user.tables import users


class Users:
    """Implements `contracts.users.UserService` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, user: NewUser) -> User:
        """Open an account."""
        values = {"id": f"usr_{uuid4().hex}", "name": user.name, "email": user.email}
        return await self._one(insert(users).values(values).returning(*users.c), values["id"])

    async def get(self, user_id: str) -> User:
        """Read an account. NotFound if there is none."""
        return await self._one(select(users).where(users.c.id == user_id), user_id)

    async def deactivate(self, user_id: str) -> User:
        """Close an account for new orders; repeating it changes nothing. NotFound if none."""
        closed = update(users).where(users.c.id == user_id).values(active=False)
        return await self._one(closed.returning(*users.c), user_id)

    async def validate(self, command: ValidateUser) -> ValidatedUser:
        """Rejected `user_inactive` or NotFound `unknown_user` if the customer may not order."""
        user = await self.get(command.customer_id)
        if not user.active:
            raise Rejected("user_inactive", f"user {user.id} is not active")
        return ValidatedUser(customer_id=user.id)

    async def _one(self, statement: Executable, user_id: str) -> User:
        async with self._database.transaction() as tx:
            row = (await tx.execute(statement)).mappings().one_or_none()
        if row is None:
            raise NotFound("unknown_user", f"there is no user {user_id}")
        return User(**row)
