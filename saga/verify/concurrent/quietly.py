"""Verifies a pair of a project's own sagas, in the world that its subject has."""

import asyncio

from saga.verify.concurrent.campaign import PairOptions, PairReport, verify_pair
from saga.verify.concurrent.pair import Pair
from saga.verify.environment.environment import UnfitSubject, running_environment
from saga.verify.quiet import expecting_faults


def verify_pair_quietly(pair: Pair, options: PairOptions) -> PairReport:
    """Verify it, with nothing in the log of what it suffers. UnfitSubject if no side is a saga."""
    if not pair.subjects:
        raise UnfitSubject(f"{pair.name}: one of the two must be a saga: use a SagaPartner")
    with expecting_faults():
        return asyncio.run(_verify(pair, options))


async def _verify(pair: Pair, options: PairOptions) -> PairReport:
    async with running_environment(*pair.subjects) as environment:
        return await verify_pair(environment, pair, options)
