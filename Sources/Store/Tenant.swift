/// Whose a thread is: that is in its id, so nobody has to ask Redis for it, and one tenant cannot name another's thread.
///
/// A thread of the common tenant has a UUID as its id, a thread of another the tenant's name and a hyphen before it.
public enum Tenant {
    private static let uuidLength = 36
    /// In characters; with it a thread's id is an identifier still.
    private static let nameLimit = 64

    /// The tenant whose thread bears this id, if there is one.
    public static func owner(of thread: String) -> String {
        let bytes = thread.utf8
        guard bytes.count > uuidLength + 1 else { return Store.commonTenant }
        let hyphen = bytes.index(bytes.endIndex, offsetBy: -uuidLength - 1)
        guard bytes[hyphen] == UInt8(ascii: "-") else { return Store.commonTenant }
        return String(thread[..<hyphen])
    }

    static func makeThreadID(for tenant: String) -> String {
        tenant == Store.commonTenant ? Store.makeID() : "\(tenant)-\(Store.makeID())"
    }

    /// - Throws: `.invalid` where this can be no tenant's name.
    public static func check(_ name: String) throws(StoreError) {
        guard name.isIdentifier, name.utf8.count <= nameLimit else {
            throw StoreError(.invalid, "must be 1 to \(nameLimit) letters, digits, _ or -", field: "x-tenant")
        }
    }
}
