"""Dumps that consist of arrays: .npz for NumPy, .safetensors for other programs.

All sizes are known before the first part arrives, so every array has its place in the file, and each part is written
where it belongs: no array is held in memory, and nothing is written twice.
"""

import io
import json
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from charrnn.interpret.dumps.header import OF_ITEM, Header, Spec, headers_json
from charrnn.interpret.dumps.places import ItemStates, Part

SAFETENSORS_TYPES = {"<f4": "F32", "<i4": "I32", "<i8": "I64", "<u4": "U32"}

# The signatures of APPNOTE.TXT, PKWARE's description of .zip files, sections 4.3.7 to 4.3.16.
LOCAL_HEADER, CENTRAL_HEADER = 0x04034B50, 0x02014B50
END_64, LOCATOR_64, END = 0x06064B50, 0x07064B50, 0x06054B50
ZIP64_VERSION = 45
CRC_PLACE = 14
"""Bytes before the checksum in a local header."""
FIRST_DAY = 0x21
"""1 January 1980 as the date of every member, so that the same recording gives the same file."""
LARGE = 0xFFFFFFFF
"""Placeholder for a size or an offset that is in the zip64 field."""


@dataclass
class Region:
    """The place of an array in a file, filled from its start on."""

    start: int
    """The offset of its first byte."""
    size: int
    """Its size in bytes."""
    crc: int = 0
    """The CRC-32 of the bytes written so far, including those of NumPy's header."""
    written: int = 0
    """The bytes of the array written so far."""

    def append(self, file: IO[bytes], array: npt.NDArray[Any], dtype: np.dtype[Any]) -> None:
        """Write the next rows of the array."""
        data = np.ascontiguousarray(array, dtype).tobytes()
        file.seek(self.start + self.written)
        file.write(data)
        self.crc = zlib.crc32(data, self.crc)
        self.written += len(data)


class Section(NamedTuple):
    """One of the texts of a dump."""

    side: str
    """The side of a pair, see `charrnn.interpret.dumps.header.SIDES`; "" of a language model."""
    header: Header
    parts: Iterable[Part]

    @property
    def prefix(self) -> str:
        """What the names of its arrays begin with."""
        return f"{self.side}_" if self.side else ""

    def specs(self) -> dict[str, Spec]:
        """The type and shape of each array of the section, by its name in the file."""
        return {self.prefix + name: spec for name, spec in self.header.specs().items()}


def _specs(sections: Sequence[Section]) -> dict[str, Spec]:
    return {name: spec for section in sections for name, spec in section.specs().items()}


def _header(sections: Sequence[Section]) -> str:
    return headers_json({section.side: section.header for section in sections})


def write_safetensors(file: IO[bytes], sections: Sequence[Section]) -> None:
    """Write a .safetensors file; its metadata have the `header`, and the text is an array of code points.

    They also have the CRC-32 of each, `crc32`; an .npz file has those of any .zip file.
    """
    described, specs = _header(sections), _specs(sections)
    names = ["header", *specs]
    checksums = _checksums(dict.fromkeys(names, 0))  # they take their place when all is written
    layout: dict[str, Any] = {"__metadata__": {"crc32": checksums, "header": described}}
    regions, end = {}, 0
    for name, spec in specs.items():
        regions[name] = Region(end, spec.num_bytes)
        end += spec.num_bytes
        layout[name] = {
            "dtype": SAFETENSORS_TYPES[spec.dtype.str],
            "shape": spec.shape,
            "data_offsets": [end - spec.num_bytes, end],
        }
    encoded = json.dumps(layout).encode()
    encoded += b" " * (-len(encoded) % 8)
    file.write(struct.pack("<Q", len(encoded)) + encoded)
    for region in regions.values():
        region.start += file.tell()
    for section in sections:
        _fill(file, section, regions)
    known = {"header": zlib.crc32(described.encode())} | {n: r.crc for n, r in regions.items()}
    layout["__metadata__"]["crc32"] = _checksums(known)
    file.seek(8)
    file.write(json.dumps(layout).encode())


def _checksums(crcs: Mapping[str, int]) -> str:
    """Checksums by the names of what they belong to, as text of the same length whatever they are."""
    return json.dumps({name: f"{crc:08x}" for name, crc in crcs.items()})


def write_npz(file: IO[bytes], sections: Sequence[Section]) -> None:
    """Write an .npz file, which numpy.load reads with allow_pickle=False; `header` and `text` are strings."""
    strings = {"header": np.array(_header(sections))}
    for section in sections:
        if section.header.units is not None:
            strings[f"{section.prefix}units"] = np.array(section.header.addresses)
    specs = {name: Spec(array.dtype, array.shape) for name, array in strings.items()}
    specs |= _specs(sections)
    for section in sections:
        text = f"{section.prefix}text"
        specs[text] = Spec(np.dtype(f"<U{specs[text].shape[0]}"), ())
    members = {name: _begin_member(file, name, spec) for name, spec in specs.items()}
    for name, array in strings.items():
        members[name].append(file, array, array.dtype)
    for section in sections:
        _fill(file, section, members)
    _end_archive(file, members)


def _fill(file: IO[bytes], section: Section, regions: Mapping[str, Region]) -> None:
    """Write each part of a recording where it belongs."""
    header = section.header
    specs = header.specs()
    states = {name: ItemStates(header.items, specs[name].shape[1:]) for name in header.value_arrays}

    def append(name: str, rows: npt.NDArray[Any]) -> None:
        regions[section.prefix + name].append(file, rows, specs[name].dtype)

    for part in section.parts:
        for name, array in header.parts_of(part).items():
            append(name, array)
            if name in states:
                for what, rows in zip(OF_ITEM, states[name].add(array, part), strict=True):
                    append(f"{what}_{name}", rows)
    for name, left in states.items():
        for what, rows in zip(OF_ITEM, left.finish(), strict=True):
            append(f"{what}_{name}", rows)
    assert all(regions[name].written == regions[name].size for name in section.specs())


# --- .zip -----------------------------------------------------------------------------------------


@dataclass
class Member(Region):
    """The place of an array in an archive."""

    local_header: int = 0
    """The offset of its local header."""
    numpy_header_size: int = 0
    """The bytes of NumPy's header, which precede the array."""


def _begin_member(file: IO[bytes], name: str, spec: Spec) -> Member:
    """Write the headers of an array at the end of the file, and leave room for the array."""
    numpy_header = io.BytesIO()
    descr = np.lib.format.dtype_to_descr(spec.dtype)
    layout = {"descr": descr, "fortran_order": False, "shape": spec.shape}
    np.lib.format.write_array_header_1_0(numpy_header, layout)
    content = numpy_header.getvalue()
    start = file.seek(0, io.SEEK_END)
    size = len(content) + spec.num_bytes
    encoded, extra = f"{name}.npy".encode(), struct.pack("<HHQQ", 1, 16, size, size)
    common = (ZIP64_VERSION, 0, 0, 0, FIRST_DAY, 0, LARGE, LARGE, len(encoded), len(extra))
    file.write(struct.pack("<IHHHHHIIIHH", LOCAL_HEADER, *common) + encoded + extra + content)
    place = file.tell()
    file.truncate(place + spec.num_bytes)
    return Member(place, spec.num_bytes, zlib.crc32(content), 0, start, len(content))


def _end_archive(file: IO[bytes], members: Mapping[str, Member]) -> None:
    """Write the checksums into the local headers, and the directory at the end."""
    for member in members.values():
        file.seek(member.local_header + CRC_PLACE)
        file.write(struct.pack("<I", member.crc))
    start = file.seek(0, io.SEEK_END)
    for name, member in members.items():
        size, encoded = member.numpy_header_size + member.size, f"{name}.npy".encode()
        extra = struct.pack("<HHQQQ", 1, 24, size, size, member.local_header)
        common = (ZIP64_VERSION, ZIP64_VERSION, 0, 0, 0, FIRST_DAY, member.crc, LARGE, LARGE)
        lengths = (len(encoded), len(extra), 0, 0, 0, 0, LARGE)
        file.write(struct.pack("<IHHHHHHIIIHHHHHII", CENTRAL_HEADER, *common, *lengths))
        file.write(encoded + extra)
    end, count = file.tell(), len(members)
    versions, counts = (ZIP64_VERSION, ZIP64_VERSION, 0, 0), (count, count)
    file.write(struct.pack("<IQHHIIQQQQ", END_64, 44, *versions, *counts, end - start, start))
    file.write(struct.pack("<IIQI", LOCATOR_64, 0, end, 1))
    file.write(struct.pack("<IHHHHIIH", END, 0, 0, *counts, LARGE, LARGE, 0))
