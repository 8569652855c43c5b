"""The page on webhooks: its commands run, and an order's events arrive at a receiver."""

from tests.docs.markdown import WEBHOOKS, shell_blocks
from tests.docs.test_commands import run, script, shown_wrong
from tests.support.stack import Stack


async def test_the_page_on_webhooks_can_be_pasted_from_top_to_bottom(stack: Stack) -> None:
    blocks = shell_blocks(WEBHOOKS)
    assert shown_wrong(blocks, run(stack, script(stack, blocks))) == {}
