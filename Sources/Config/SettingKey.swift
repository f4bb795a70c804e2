/// The name of a setting: its path in the file.
struct SettingKey: Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
    let components: [String]

    init(_ components: [String]) { self.components = components }

    init(stringLiteral text: String) { self.init(text.split(separator: ".").map(String.init)) }

    /// The path of one setting in a table whose name the user chose.
    func appending(_ names: String...) -> SettingKey { SettingKey(components + names) }

    var parent: SettingKey { SettingKey(Array(components.dropLast())) }

    /// As the file spells it: what is no bare key is quoted.
    var description: String {
        components.map { part in
            part.utf8.allSatisfy(Self.isBare) && !part.isEmpty ? part : "\"\(part)\""
        }.joined(separator: ".")
    }

    /// `redis.url` is `REDIS_URL`, which the environment spells with a prefix.
    var environmentName: String {
        components.map { part in
            String(part.uppercased().map { $0.isLetter || $0.isNumber ? $0 : "_" })
        }.joined(separator: "_")
    }

    static func isBare(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
