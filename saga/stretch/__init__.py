"""The stretch: first attempts of consecutive steps, one after the other, by one activity.

It stops at the first that does not answer cleanly, and says what came of each; from there the saga
goes on step by step. What belongs into one is a step that is done once, by itself, and waits for
nobody, so that its command is known before the stretch begins.

An attempt of the stretch may go on when the workflow has given it up, or was called off: a zombie.
It ends by its own clock, before the workflow's time-out; and what it does meanwhile is harmless, as
all its steps count as begun. What the workflow undoes is refused to it by the barrier, the pivot by
its fence; what the workflow repeats has the same key. A retriable step has no such protection
unless a pivot comes before it, so it belongs into no stretch where there is none.
"""
