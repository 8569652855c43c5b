"""A key that is new on every run, made in another module."""

from dataclasses import replace

from saga import SagaDefinition
from tests.saga.toy import ONE
from tests.saga.wrong.elsewhere import fresh

HIDDEN = SagaDefinition("Hidden", (replace(ONE, command=fresh),))
