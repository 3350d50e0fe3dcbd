"""Mutations: kinds of random damage to the content of a file."""

import io
import random
import zipfile
from collections.abc import Callable

Mutation = Callable[[bytes, random.Random], bytes]


def mutated(name: str, content: bytes, source: random.Random) -> tuple[bytes, str]:
    """Return the content with one to three kinds of damage, and their names.

    In half of the cases a zip archive or a header is damaged inside, and its lengths and checksums
    are then corrected. Without this, nearly all files would be refused for their checksum alone.
    """
    inside = source.random() < 0.5
    if inside and name.endswith(".keras"):
        return in_a_member(content, source)
    if inside and name.endswith(".safetensors"):
        end = 8 + int.from_bytes(content[:8], "little")
        header, how = damaged(content[8:end], source)
        return len(header).to_bytes(8, "little") + header + content[end:], f"header: {how}"
    return damaged(content, source)


def damaged(content: bytes, source: random.Random) -> tuple[bytes, str]:
    """Return the content with one to three kinds of damage, and their names."""
    done = []
    for _ in range(source.choice((1, 1, 2, 3))):
        mutation = source.choice(MUTATIONS)
        content = mutation(content, source)
        done.append(mutation.__name__)
    return content, "+".join(done)


def in_a_member(content: bytes, source: random.Random) -> tuple[bytes, str]:
    """Damage one file in a zip archive, and pack the archive again."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    chosen = source.choice(sorted(members))
    members[chosen], how = damaged(members[chosen], source)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", source.choice((0, 8))) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return packed.getvalue(), f"{chosen}: {how}"


def flipped_bits(content: bytes, source: random.Random) -> bytes:
    """Flip a few bits, most often near the beginning, where headers are."""
    data = bytearray(content)
    for _ in range(source.choice((1, 1, 4, 32))):
        reach = source.choice((64, 1024, len(data)))
        if data:
            data[source.randrange(min(reach, len(data)))] ^= 1 << source.randrange(8)
    return bytes(data)


def cut(content: bytes, source: random.Random) -> bytes:
    """Keep only the beginning."""
    return content[: source.randint(0, len(content))]


def grown(content: bytes, source: random.Random) -> bytes:
    """Insert a copy of a part somewhere."""
    begin, place = source.randint(0, len(content)), source.randint(0, len(content))
    return content[:place] + content[begin : begin + 1000] + content[place:]


def overwritten(content: bytes, source: random.Random) -> bytes:
    """Overwrite a part with zeros, ones or noise."""
    begin = source.randint(0, len(content))
    size = min(source.choice((1, 8, 100)), len(content) - begin)
    filling = source.choice((b"\0" * size, b"\xff" * size, source.randbytes(size)))
    return content[:begin] + filling + content[begin + size :]


def huge_size(content: bytes, source: random.Random) -> bytes:
    """Write a large number into four or eight bytes that may be a size, or in place of a digit."""
    number = source.choice((2**63 - 1, 2**40, 2**32 - 1, 2**31, 10**9))
    if source.random() < 0.5:
        digits = [i for i, byte in enumerate(content[:5000]) if 48 <= byte <= 57]
        if digits:
            place = source.choice(digits)
            return content[:place] + str(number).encode() + content[place + 1 :]
    place = source.randrange(0, max(1, min(len(content), 4096)), 4)
    size = source.choice((4, 8))
    packed = (number % (1 << 8 * size)).to_bytes(size, "little")
    return content[:place] + packed + content[place + size :]


def other_dtype(content: bytes, source: random.Random) -> bytes:
    """Replace the name of a dtype by another one."""
    words = (b"F32", b"F64", b"BF16", b"I64", b"U8", b"float32", b"float64", b"int32", b"object")
    present = [word for word in words if word in content] or [b"F32"]
    return content.replace(source.choice(present), source.choice(words), source.choice((1, -1)))


def other_name(content: bytes, source: random.Random) -> bytes:
    """Replace the name of a tensor, layer or field."""
    words = (b"kernel", b"bias", b"dense", b"conv2d", b"weights", b"epoch", b"vars", b"Dense")
    present = [word for word in words if word in content] or [b"kernel"]
    new = (b"lernel", b"", b"../../x", b"Lambda", b"\xff\xfe", b"a" * 1000)
    return content.replace(source.choice(present), source.choice(new), source.choice((1, -1)))


def deep_json(content: bytes, source: random.Random) -> bytes:
    """Insert deeply nested brackets before a bracket."""
    depth = source.choice((100, 10_000, 200_000))
    nest = source.choice((b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth))
    places = [i for i, byte in enumerate(content[:5000]) if byte in b"[{"]
    place = source.choice(places) if places else 0
    return content[:place] + nest + content[place:]


MUTATIONS: tuple[Mutation, ...] = (
    flipped_bits,
    cut,
    grown,
    overwritten,
    huge_size,
    other_dtype,
    other_name,
    deep_json,
)
