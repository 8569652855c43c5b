"""Steps of the user service."""

from temporalio import activity

from contracts.users import UserService, ValidatedUser, ValidateUser
from saga import Call


class UserActivities:
    """Activities `user.*`, on the queue `users`."""

    def __init__(self, users: UserService) -> None:
        self._users = users

    @activity.defn(name="user.validate")
    async def validate(self, call: Call, command: ValidateUser) -> ValidatedUser:
        """May this customer order?"""
        return await self._users.validate(command)
