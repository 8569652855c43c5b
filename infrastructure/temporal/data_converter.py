"""How values become payloads and back: for every client and worker, by the same settings."""

from dataclasses import replace

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
)

from infrastructure.security.envelope_encryption import EnvelopeEncryptor
from infrastructure.temporal.codec_settings import PayloadSettings
from infrastructure.temporal.payload_codec import EncryptionCodec, PayloadEncryptor, Plaintext
from infrastructure.temporal.undecodable_payloads import RefusingPayloadConverter


def converter_of(settings: PayloadSettings, namespace: str) -> DataConverter:
    """Plain, or encrypting. KeysUnusable if the settings ask for what cannot be."""
    if settings.mode == "off":
        return pydantic_data_converter
    return encrypting(EncryptionCodec(encryptor_of(settings, namespace)))


def replaying(settings: PayloadSettings, namespace: str) -> DataConverter:
    """For replays, which execute nothing: reads whatever can be read.

    A history in a file does not say reliably whose it is, nor is an old one encrypted.
    """
    if settings.mode == "off":
        return pydantic_data_converter
    return encrypting(EncryptionCodec(readable_encryptor(settings, namespace)))


def readable_encryptor(settings: PayloadSettings, namespace: str) -> PayloadEncryptor:
    """What opens all that can be opened, of any workflow, for people. KeysUnusable without keys."""
    return PayloadEncryptor(
        EnvelopeEncryptor(settings.keys()), namespace, Plaintext.ACCEPT, bound=False
    )


def encryptor_of(settings: PayloadSettings, namespace: str) -> PayloadEncryptor:
    """What seals and opens payloads of this namespace."""
    strict = settings.mode == "required"
    plaintext = Plaintext.REFUSE if strict else Plaintext.ACCEPT
    return PayloadEncryptor(EnvelopeEncryptor(settings.keys()), namespace, plaintext)


def encrypting(codec: EncryptionCodec) -> DataConverter:
    """Payloads by this codec; messages and stack traces of failures are payloads too."""
    return replace(
        pydantic_data_converter,
        payload_converter_class=RefusingPayloadConverter,
        payload_codec=codec,
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
