"""Draws a saga's definition: its steps in order, what each is, and how it is undone."""

from saga.graph.mermaid import mermaid
from saga.graph.svg import svg

__all__ = ["mermaid", "svg"]
