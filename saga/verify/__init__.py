"""Breaks a saga at every point, and checks what it promises: see `Subject`."""

from saga.verify.campaign import VerifyOptions, verify_subject
from saga.verify.cases import Case, Ending
from saga.verify.environment.environment import Environment, running_environment
from saga.verify.extension import Extension
from saga.verify.report import Report
from saga.verify.subject import Subject

__all__ = [
    "Case",
    "Ending",
    "Environment",
    "Extension",
    "Report",
    "Subject",
    "VerifyOptions",
    "running_environment",
    "verify_subject",
]
