"""Content parts of a Responses body, both ways: every text, image and file keeps its bytes, or is refused by name."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Callable, Mapping
from typing import Any, Final

from pipeline.dialects.fields import Fields, fault, missing, wrong_type
from pipeline.dialects.media import data_url
from pipeline.request import FilePart, ImagePart, Losses, Part, RefusalPart, TextPart

DETAILS: Final = ("low", "high", "auto", "original")

ResultPart = TextPart | ImagePart | FilePart


def read_parts(value: Any, path: str, readers: Mapping[str, Callable[[Fields], Part]]) -> list[Part]:
    """A string or a list of parts; ``readers`` says which part types may stand here."""
    if isinstance(value, str):
        return [READERS["input_text"](Fields({"text": value}, path))] if "input_text" in readers else [TextPart(value)]
    if not isinstance(value, list):
        raise missing(path) if value is None else wrong_type(path, "a string or an array of parts", value)
    parts = []
    for index, entry in enumerate(value):
        fields = Fields(entry, f"{path}[{index}]")
        parts.append(readers[fields.need_word("type", readers.keys())](fields))
    return parts


def _text(fields: Fields) -> Part:
    return TextPart(fields.need_text("text"), cache=fields.mapping("prompt_cache_breakpoint"))


def _refusal(fields: Fields) -> Part:
    return RefusalPart(fields.need_text("refusal"))


def _image(fields: Fields) -> Part:
    # DI-46: image_url (a URL or a data URL, TR-C17) or file_id.
    url, file_id = fields.text("image_url"), fields.text("file_id")
    part = ImagePart(detail=fields.word("detail", DETAILS), cache=fields.mapping("prompt_cache_breakpoint"))
    if url:
        inline = data_url(url)
        if inline is None:
            part.url = url
        else:
            part.media_type, part.data = inline
    elif file_id:
        part.file_id = file_id
    else:
        raise fault(
            fields.path, f"Invalid '{fields.path}': an image needs 'image_url' or 'file_id'.", "missing_required_parameter"
        )
    return part


def _file(fields: Fields) -> Part:
    # DI-46: file_data, file_id or file_url.
    data, file_id, url = fields.text("file_data"), fields.text("file_id"), fields.text("file_url")
    name = fields.text("filename")
    part = FilePart(filename=name, cache=fields.mapping("prompt_cache_breakpoint"))
    if data:
        inline = data_url(data)
        part.media_type, part.data = inline if inline is not None else (None, data)
        part.media_type = part.media_type or mimetypes.guess_type(name or "")[0]
    elif url:
        part.url = url
    elif file_id:
        part.file_id = file_id
    else:
        where = fields.path
        raise fault(where, f"Invalid '{where}': a file needs 'file_data', 'file_url' or 'file_id'.", "missing_required_parameter")
    return part


READERS: Final[Mapping[str, Callable[[Fields], Part]]] = {
    "input_text": _text,
    "output_text": _text,
    "refusal": _refusal,
    "input_image": _image,
    "input_file": _file,
}
INPUT_PARTS: Final = {name: READERS[name] for name in ("input_text", "input_image", "input_file")}
OUTPUT_PARTS: Final = {name: READERS[name] for name in ("output_text", "refusal")}


def write_input(part: ResultPart, where: str, losses: Losses) -> dict[str, Any] | None:
    """A part of a user turn or of a tool result; None when the operator allows what cannot be carried to be dropped."""
    if part.cache is not None:
        losses.hint("cache_control")
    if isinstance(part, TextPart):
        return {"type": "input_text", "text": part.text}
    # DI-153: the id of a stored file means nothing to another provider.
    if part.file_id is not None:
        losses.significant(where, "A file id is valid only at the provider that stores the file.", name="file_id")
        return None
    return _write_image(part) if isinstance(part, ImagePart) else _write_file(part)


def _write_image(part: ImagePart) -> dict[str, Any]:
    # DI-151, DI-152, TR-P7: the detail stays; missing detail is auto.
    url = part.url if part.data is None else f"data:{part.media_type or 'image/png'};base64,{part.data}"
    return {"type": "input_image", "detail": part.detail or "auto", "image_url": url}


def _write_file(part: FilePart) -> dict[str, Any]:
    # DI-154
    if part.url is not None:
        return {"type": "input_file", "file_url": part.url}
    media = part.media_type or ("text/plain" if part.text is not None else "application/pdf")
    data = part.data if part.text is None else base64.b64encode(part.text.encode()).decode("ascii")
    # The service refuses data without a file name; its ending tells the kind.
    name = part.filename or f"document{mimetypes.guess_extension(media) or ''}"
    return {"type": "input_file", "filename": name, "file_data": f"data:{media};base64,{data}"}
