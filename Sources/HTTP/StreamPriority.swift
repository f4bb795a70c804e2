/// How soon an answer is wanted (RFC 9218 section 4), compared with others on its connection.
struct StreamPriority: Equatable {
    /// From 0, which goes first, to 7.
    private(set) var urgency: UInt32 = 3
    /// Whether a part of it is of use, so that it may take turns with others as urgent.
    private(set) var isIncremental = false

    /// What the field `priority` says. Nil when that is out of range; members that are not known are passed over.
    init?(_ field: String) {
        for member in field.split(separator: ",") {
            // Parameters have no meaning (section 4).
            let item = member.prefix { $0 != ";" }.filter { $0 != " " && $0 != "\t" }
            switch item {
            case "i", "i=?1": isIncremental = true
            case "i=?0": isIncremental = false
            case _ where item.hasPrefix("u="):
                guard let urgency = UInt32(item.dropFirst(2)), urgency <= 7 else { return nil }
                self.urgency = urgency
            case _: break
            }
        }
    }
}
