"""Swift value types and the method table, from a descriptor set. Called by tools/generate; see there.

One Swift struct per message, with conversions from and to the C struct that protobuf-c makes. Supported is what our contract uses:
singular and repeated scalars, strings, bytes, enums and messages, oneofs of messages and strings, maps of strings to strings or
messages.
"""
import os
import sys

work, c_dir, swift_dir, *message_files = sys.argv[1:]
sys.path.insert(0, work)
from baud.v1 import route_pb2  # noqa: E402
from google.protobuf import descriptor_pb2 as d  # noqa: E402

F = d.FieldDescriptorProto
HEADER = "// Made by tools/generate from proto/. Not to be edited by hand.\n\n"
SCALARS = {
    F.TYPE_STRING: "String", F.TYPE_BYTES: "[UInt8]", F.TYPE_BOOL: "Bool", F.TYPE_INT32: "Int32", F.TYPE_INT64: "Int64",
    F.TYPE_UINT32: "UInt32", F.TYPE_UINT64: "UInt64", F.TYPE_DOUBLE: "Double",
}
ZERO = {"String": '""', "[UInt8]": "[]", "Bool": "false"}

raw = open(os.path.join(work, "set.bin"), "rb").read()
descriptor_set = d.FileDescriptorSet.FromString(raw)
files = {file.name: file for file in descriptor_set.file}


def camel(name, upper=False):
    words = name.split("_")
    out = []
    for index, word in enumerate(words):
        if word in ("id", "uuid", "url") and (index or upper):
            out.append(word.upper())
        elif index == 0 and not upper:
            out.append(word)
        else:
            out.append(word[:1].upper() + word[1:])
    return "".join(out)


def escaped(name):
    return f"`{name}`" if name in ("final", "default", "case", "in", "is") and name != "final" else name


def c_name(full):  # ".baud.v1.RunUpdate" -> "Baud__V1__RunUpdate"
    return "__".join(part[:1].upper() + part[1:] for part in full.lstrip(".").split("."))


def snake(name):  # "FilesCreated" -> "files_created", as protoc-c does it
    out = ""
    for index, char in enumerate(name):
        out += ("_" if char.isupper() and index and not name[index - 1].isupper() else "") + char.lower()
    return out


def c_prefix(full):  # ".baud.v1.RunUpdate" -> "baud__v1__run_update"
    return "__".join(snake(part) for part in full.lstrip(".").split("."))


def swift_type(full):
    return full.split(".")[-1]


def documentation(file, path, indent):
    for location in file.source_code_info.location:
        if list(location.path) == path and location.leading_comments:
            return "".join(f"{indent}///{line.rstrip()}\n" for line in location.leading_comments.rstrip().split("\n"))
    return ""


class Field:
    def __init__(self, message, proto, prefix):
        self.proto, self.name, self.c = proto, camel(proto.name), proto.name.lower()
        self.repeated = proto.label == F.LABEL_REPEATED
        self.in_oneof = proto.HasField("oneof_index")
        self.entry = next((n for n in message.nested_type if proto.type_name.endswith("." + message.name + "." + n.name)
                           and n.options.map_entry), None)
        self.is_message = proto.type == F.TYPE_MESSAGE
        self.prefix = prefix

    @property
    def element(self):
        if self.entry is not None:
            return None
        if self.is_message or self.proto.type == F.TYPE_ENUM:
            return swift_type(self.proto.type_name)
        return SCALARS[self.proto.type]

    @property
    def entry_value(self):
        """The values of a map: messages or strings."""
        value = self.entry.field[1]
        return swift_type(value.type_name) if value.type == F.TYPE_MESSAGE else "String"

    @property
    def type(self):
        if self.entry is not None:
            return f"OrderedDictionary<String, {self.entry_value}>"
        if self.repeated:
            return f"[{self.element}]"
        return self.element + ("?" if self.is_message else "")

    @property
    def zero(self):
        if self.entry is not None:
            return "[:]"
        if self.repeated:
            return "[]"
        if self.is_message:
            return "nil"
        if self.proto.type == F.TYPE_ENUM:
            return f"{self.element}(rawValue: 0)"
        return ZERO.get(self.element, "0")

    @property
    def plural(self):
        return {True: "messages"}.get(self.is_message, {"String": "strings", "[UInt8]": "blobs"}.get(self.element, "scalars"))

    def read(self):
        c = f"c.{self.c}"
        if self.entry is not None:
            kind = "string" if self.entry_value == "String" else "message"
            return f"CField.dictionary(c.n_{self.c}, {c}) {{ ($0.key, CField.{kind}($0.value)) }}"
        if self.repeated:
            return f"CField.{self.plural}(c.n_{self.c}, {c})"
        if self.is_message:
            return f"CField.message({c})"
        if self.proto.type == F.TYPE_STRING:
            return f"CField.string({c})"
        if self.proto.type == F.TYPE_BYTES:
            return f"CField.bytes({c})"
        if self.proto.type == F.TYPE_BOOL:
            return f"{c} != 0"
        if self.proto.type == F.TYPE_ENUM:
            return f"{self.element}(rawValue: Int({c}.rawValue))"
        return c

    def read_case(self):
        """The case of a oneof that this field is."""
        if self.is_message:
            return f"CField.message(c.{self.c}).map {{ .{self.name}($0) }}"
        return f".{self.name}(CField.string(c.{self.c}))"

    def write(self):
        target, value = f"c.pointee.{self.c}", self.name
        if self.entry is not None:
            entry = f"{self.prefix}__{self.entry.name}"
            init = c_prefix(self.proto.type_name) + "__init"
            kind = "string" if self.entry_value == "String" else "message"
            return (f"(c.pointee.n_{self.c}, {target}) = arena.entries({value}, of: {entry}.self, {init}) {{\n"
                    f"            $0.pointee.key = $1\n            $0.pointee.value = arena.{kind}($2)\n        }}")
        if self.repeated:
            return f"(c.pointee.n_{self.c}, {target}) = arena.{self.plural}({value})"
        if self.is_message:
            return f"{target} = arena.message(ifPresent: {value})"
        if self.proto.type == F.TYPE_STRING:
            return f"if !{value}.isEmpty {{ {target} = arena.string({value}) }}"
        if self.proto.type == F.TYPE_BYTES:
            return f"{target} = arena.bytes({value})"
        if self.proto.type == F.TYPE_BOOL:
            return f"{target} = {value} ? 1 : 0"
        if self.proto.type == F.TYPE_ENUM:
            return f"{target} = .init(rawValue: .init({value}.rawValue))"
        return f"{target} = {value}"


def oneof_constant(prefix, oneof, field):
    return f"{prefix.upper()}__{oneof.upper()}_{field.upper()}"


def message_code(file, index, message, package):
    full = f".{package}.{message.name}"
    cname, prefix = c_name(full), c_prefix(full)
    fields = [Field(message, f, cname) for f in message.field]
    plain = [f for f in fields if not f.in_oneof]
    oneofs = [(i, o.name) for i, o in enumerate(message.oneof_decl)]
    out = documentation(file, [4, index], "")
    out += f"public struct {message.name}: Message, Hashable {{\n"
    for position, field in enumerate(fields):
        if not field.in_oneof:
            out += documentation(file, [4, index, 2, position], "    ")
            out += f"    public var {escaped(field.name)}: {field.type}\n"
    for number, oneof in oneofs:
        out += f"    public var {camel(oneof)}: {camel(oneof, True)}?\n"
    for number, oneof in oneofs:
        out += f"\n    public enum {camel(oneof, True)}: Sendable, Hashable {{\n"
        for field in fields:
            if field.in_oneof and field.proto.oneof_index == number:
                out += f"        case {field.name}({field.element})\n"
        out += "    }\n"
    parameters = [f"{f.name}: {f.type} = {f.zero}" for f in plain] + [f"{camel(o)}: {camel(o, True)}? = nil" for _, o in oneofs]
    names = [f.name for f in plain] + [camel(o) for _, o in oneofs]
    if parameters:
        out += "\n    public init(\n        " + ",\n        ".join(parameters) + "\n    ) {\n"
        out += "".join(f"        self.{n} = {n}\n" for n in names) + "    }\n"
    else:
        out += "\n    public init() {}\n"
    out += "}\n\n"

    out += f"extension {message.name}: CMessage {{\n"
    out += f"    public static var typeName: String {{ \"{full[1:]}\" }}\n\n"
    out += "    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }\n\n"
    out += "    public func serialized() -> [UInt8] { packed() }\n\n"
    out += f"    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {{ {prefix}__descriptor_pointer() }}\n\n"
    out += f"    init(c: {cname}) {{\n"
    if not names:
        out += "        self.init()\n"
    else:
        for field in plain:
            out += f"        {field.name} = {field.read()}\n"
        for number, oneof in oneofs:
            out += f"        switch c.{oneof}_case {{\n"
            for field in fields:
                if field.in_oneof and field.proto.oneof_index == number:
                    constant = oneof_constant(prefix, oneof, field.proto.name)
                    out += f"        case {constant}: {camel(oneof)} = {field.read_case()}\n"
            out += f"        default: {camel(oneof)} = nil\n        }}\n"
    out += "    }\n\n"
    out += f"    func fill(_ c: UnsafeMutablePointer<{cname}>, in arena: Arena) {{\n        {prefix}__init(c)\n"
    for field in plain:
        out += f"        {field.write()}\n"
    for number, oneof in oneofs:
        out += f"        switch {camel(oneof)} {{\n"
        for field in fields:
            if field.in_oneof and field.proto.oneof_index == number:
                out += f"        case .{field.name}(let value):\n"
                out += f"            c.pointee.{oneof}_case = {oneof_constant(prefix, oneof, field.proto.name)}\n"
                out += f"            c.pointee.{field.c} = arena.{'message' if field.is_message else 'string'}(value)\n"
        out += "        case nil: break\n        }\n"
    out += "    }\n}\n"
    if message.name.endswith("Request") and any(f.name == "thread_id" for f in message.field):
        out += f"\nextension {message.name}: ThreadRequest {{}}\n"
    return out


def enum_code(enum):
    out = f"public struct {enum.name}: Sendable, Hashable, RawRepresentable {{\n    public var rawValue: Int\n"
    out += "    public init(rawValue: Int) { self.rawValue = rawValue }\n\n"
    for value in enum.value:
        out += f"    public static let {camel(value.name.lower())} = {enum.name}(rawValue: {value.number})\n"
    return out + "}\n"


def type_of(file):
    return "".join(word.capitalize() for word in os.path.basename(file)[:-len(".proto")].split("_"))


commented = d.FileDescriptorSet()
os.system(f"protoc -Iproto --include_imports --include_source_info -o {work}/commented.bin {' '.join(message_files)}")
commented.ParseFromString(open(os.path.join(work, "commented.bin"), "rb").read())
commented_files = {file.name: file for file in commented.file}

names = []
for name in message_files:
    file = commented_files[name]
    body = HEADER + "internal import CProtos\npublic import OrderedCollections\n\n"
    if not any(n.options.map_entry for m in file.message_type for n in m.nested_type):
        body = body.replace("public import OrderedCollections\n", "")
    parts = [message_code(file, i, m, file.package) for i, m in enumerate(file.message_type)]
    parts += [enum_code(e) for m in file.message_type for e in m.enum_type]
    open(os.path.join(swift_dir, f"{type_of(name)}.pb.swift"), "w").write(body + "\n".join(parts))
    names += [f".{file.package}.{m.name}" for m in file.message_type]

# The methods.
def method_ident(package, name):  # "GetThread" -> "getThread", "grpc.health.v1" and "Check" -> "healthV1Check"
    words = [] if package.startswith("baud.") else package.split(".")[1:]
    return camel("_".join(words + [name[:1].lower() + name[1:] if not words else name]))


table = HEADER + "extension Method {\n"
methods = []
for file in descriptor_set.file:
    for service in file.service:
        for method in service.method:
            route = method.options.Extensions[route_pb2.route]
            full = f"{file.package}.{service.name}"
            ident = method_ident(file.package, method.name)
            methods.append(ident)
            verb = f"Route(verb: \"{route.verb}\", path: \"{route.path}\")" if route.path else "nil"
            table += (f"    public static let {ident} = Method(\n        service: \"{full}\",\n        name: \"{method.name}\",\n"
                      f"        request: MessageType({swift_type(method.input_type)}.self),\n"
                      f"        response: MessageType({swift_type(method.output_type)}.self),\n"
                      f"        isServerStreaming: {'true' if method.server_streaming else 'false'},\n        route: {verb}\n    )\n")
table += "\n    /// Every method of the contract.\n    public static let all = [\n"
table += "".join(f"        {m},\n" for m in methods) + "    ]\n}\n"
open(os.path.join(swift_dir, "Methods.pb.swift"), "w").write(table)

# The index of the descriptor set: where each file is, and what it declares.
def varint(at):  # the number there, and the place after it
    value = shift = 0
    while True:
        value |= (raw[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if raw[at - 1] < 128:
            return value, at


def file_ranges():  # a FileDescriptorSet is nothing but files: a tag byte, the length, the bytes
    at = 0
    while at < len(raw):
        length, start = varint(at + 1)
        yield start, start + length
        at = start + length


def message_symbols(scope, message):
    full = f"{scope}.{message.name}"
    yield full
    yield from (f"{full}.{part.name}" for part in [*message.field, *message.oneof_decl])
    yield from (symbol for enum in message.enum_type for symbol in enum_symbols(full, enum))
    yield from (symbol for nested in message.nested_type for symbol in message_symbols(full, nested))


def enum_symbols(scope, enum):  # values are siblings of their enum
    yield f"{scope}.{enum.name}"
    yield from (f"{scope}.{value.name}" for value in enum.value)


def file_symbols(file):
    scope = file.package
    for message in file.message_type:
        yield from message_symbols(scope, message)
    for enum in file.enum_type:
        yield from enum_symbols(scope, enum)
    yield from (f"{scope}.{extension.name}" for extension in file.extension)
    for service in file.service:
        yield f"{scope}.{service.name}"
        yield from (f"{scope}.{service.name}.{method.name}" for method in service.method)


def swift_list(texts):
    return "[" + ", ".join(f'"{text}"' for text in texts) + "]"


index = HEADER + "extension Descriptors {\n    /// Every file of the descriptor set.\n    static let files: [File] = [\n"
for file, (start, end) in zip(descriptor_set.file, file_ranges()):
    # Nobody asks for what describes descriptors but by its file's name, and it has many symbols.
    symbols = [] if file.package == "google.protobuf" else file_symbols(file)
    extensions = ", ".join(f'Extension(of: "{e.extendee[1:]}", number: {e.number})' for e in file.extension)
    index += (f'        File(\n            name: "{file.name}",\n            range: {start}..<{end},\n'
              f"            imports: {swift_list(file.dependency)},\n            symbols: {swift_list(symbols)},\n"
              f"            extensions: [{extensions}]\n        ),\n")
open(os.path.join(swift_dir, "Descriptors.pb.swift"), "w").write(index + "    ]\n}\n")

# The C side: descriptors as functions (Swift 6 does not import mutable globals), and the descriptor set.
include = os.path.join(c_dir, "include")
head = "// Made by tools/generate from proto/. Not to be edited by hand.\n#pragma once\n\n#include <stddef.h>\n#include <stdint.h>\n\n"
head += "".join(f'#include "{f[:-6]}.pb-c.h"\n' for f in message_files) + "\n"
for full in names:
    p = c_prefix(full)
    head += (f"static inline const ProtobufCMessageDescriptor *{p}__descriptor_pointer(void) {{\n    return &{p}__descriptor;\n}}\n\n")
head += "/// The contract as a serialized google.protobuf.FileDescriptorSet, for server reflection.\n"
head += "extern const uint8_t baud_descriptor_set[];\nextern const size_t baud_descriptor_set_size;\n\n"
head += "static inline const uint8_t *descriptor_set_bytes(void) {\n    return baud_descriptor_set;\n}\n\n"
head += "static inline size_t descriptor_set_length(void) {\n    return baud_descriptor_set_size;\n}\n"
open(os.path.join(include, "protos.h"), "w").write(head)
open(os.path.join(include, "module.modulemap"), "w").write('module CProtos {\n    umbrella header "protos.h"\n    export *\n}\n')
rows = [", ".join(f"0x{b:02x}" for b in raw[i:i + 20]) for i in range(0, len(raw), 20)]
open(os.path.join(c_dir, "descriptor_set.c"), "w").write(
    "// Made by tools/generate from proto/. Not to be edited by hand.\n#include \"protos.h\"\n\n"
    "const uint8_t baud_descriptor_set[] = {\n    " + ",\n    ".join(rows) + ",\n};\n\n"
    "const size_t baud_descriptor_set_size = sizeof(baud_descriptor_set);\n")
