"""What we read of the market feed V3, as a table, and its class, built when this is imported.

Fields, numbers and types only; what they mean is `wire.py`'s matter. Fields that are not listed are
skipped, as protobuf wants it: depth and greeks are most of a frame, and nothing of ours needs them.

Source: the layout of the broker's feed as its official SDK 2.30.0 carries it, closing auction
included.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import descriptor_pool, wrappers_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.message_factory import GetMessageClass

PACKAGE = "com.upstox.marketdatafeederv3udapi.rpc.proto"

TYPES = ("initial_feed", "live_feed", "market_info")
STATUSES = (
    "PRE_OPEN_START",
    "PRE_OPEN_END",
    "NORMAL_OPEN",
    "NORMAL_CLOSE",
    "CLOSING_START",
    "CLOSING_END",
)
# Number, name, type; `type*` is repeated, `{type}` a map from strings, `type|union` one of a union.
# Enums are read as numbers. `feeds` is a map, and on the wire a map is repeated entries: reading
# it as such costs half as much, and an entry that comes twice is seen twice.
READ = {
    "FeedResponse": "1 type int64, 2 feeds FeedEntry*, 3 currentTs int64, 4 marketInfo MarketInfo",
    "FeedEntry": "1 key string, 2 value Feed",
    "Feed": "1 ltpc LTPC|FeedUnion, 2 fullFeed FullFeed|FeedUnion,"
    " 3 firstLevelWithGreeks FirstLevelWithGreeks|FeedUnion",
    "FullFeed": "1 marketFF MarketFullFeed|FullFeedUnion, 2 indexFF IndexFullFeed|FullFeedUnion",
    "MarketFullFeed": "1 ltpc LTPC, 4 marketOHLC MarketOHLC, 6 vtt int64",
    "IndexFullFeed": "1 ltpc LTPC, 2 marketOHLC MarketOHLC",
    "FirstLevelWithGreeks": "1 ltpc LTPC, 4 vtt int64",
    "LTPC": "1 ltp double, 2 ltt int64, 3 ltq int64, 4 cp double",
    "MarketOHLC": "1 ohlc OHLC*",
    "OHLC": "1 interval string, 2 open double, 3 high double, 4 low double, 5 close double,"
    " 6 vol int64, 7 ts int64",
    "MarketInfo": "1 segmentStatus {int64}, 2 casMarketStatus {StatusInfo},"
    " 3 preOpenSessionStatus {StatusInfo}",
    "StatusInfo": "1 status string, 2 updatedTime int64",
}
_PLAIN = {
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "string": FieldDescriptorProto.TYPE_STRING,
}


def message_class(
    name: str, messages: Mapping[str, str], enums: Mapping[str, Sequence[str]] | None = None
) -> Any:
    """The class of message `name` of a table such as `READ`."""
    # A pool of its own: the names are those of the broker's SDK, which may be loaded beside us.
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(_file(messages, enums or {}).SerializeToString())
    return GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))


def _file(messages: Mapping[str, str], enums: Mapping[str, Sequence[str]]) -> FileDescriptorProto:
    file = FileDescriptorProto(name="market_feed_v3.proto", package=PACKAGE, syntax="proto3")
    file.dependency.append(wrappers_pb2.DESCRIPTOR.name)
    for name, values in enums.items():
        enum = file.enum_type.add(name=name)
        for number, value in enumerate(values):
            enum.value.add(name=value, number=number)
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for field in fields.split(", "):
            _add(message, enums, *field.split())
    return file


def _add(
    message: DescriptorProto, enums: Mapping[str, Sequence[str]], number: str, name: str, kind: str
) -> None:
    kind, _, union = kind.partition("|")
    field = message.field.add(name=name, number=int(number))
    field.label = FieldDescriptorProto.LABEL_OPTIONAL
    if union:
        if union not in [one.name for one in message.oneof_decl]:
            message.oneof_decl.add(name=union)
        field.oneof_index = len(message.oneof_decl) - 1
    if kind[0] == "{":  # a map is a repeated message of keys and values
        entry = message.nested_type.add(name=name[0].upper() + name[1:] + "Entry")
        entry.options.map_entry = True
        _add(entry, enums, "1", "key", "string")
        _add(entry, enums, "2", "value", kind[1:-1])
        kind = f"{message.name}.{entry.name}*"
    if kind.endswith("*"):
        field.label = FieldDescriptorProto.LABEL_REPEATED
        kind = kind[:-1]
    if kind in _PLAIN:
        field.type = _PLAIN[kind]
        return
    field.type = (
        FieldDescriptorProto.TYPE_ENUM if kind in enums else FieldDescriptorProto.TYPE_MESSAGE
    )
    scope = "google.protobuf" if kind == "DoubleValue" else PACKAGE
    field.type_name = f".{scope}.{kind}"


FeedResponse = message_class("FeedResponse", READ)
