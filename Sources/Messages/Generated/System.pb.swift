// Made by tools/generate from proto/. Not to be edited by hand.

internal import CProtos

public struct GetHealthRequest: Message, Hashable {

    public init() {}
}

extension GetHealthRequest: CMessage {
    public static var typeName: String { "baud.v1.GetHealthRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__get_health_request__descriptor_pointer()
    }

    init(c: Baud__V1__GetHealthRequest) {
        self.init()
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__GetHealthRequest>, in arena: Arena) {
        baud__v1__get_health_request__init(c)
    }
}

public struct Health: Message, Hashable {
    /// `ok`, or `unavailable` when a part is (HTTP status 503).
    public var status: String
    /// `ok`, or what is wrong.
    public var redis: String
    /// Workers that have been heard of within the last 30 seconds.
    public var workers: UInt32
    /// `ok`: a process with a bad configuration does not start.
    public var config: String
    public var version: String

    public init(
        status: String = "",
        redis: String = "",
        workers: UInt32 = 0,
        config: String = "",
        version: String = ""
    ) {
        self.status = status
        self.redis = redis
        self.workers = workers
        self.config = config
        self.version = version
    }
}

extension Health: CMessage {
    public static var typeName: String { "baud.v1.Health" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__health__descriptor_pointer() }

    init(c: Baud__V1__Health) {
        status = CField.string(c.status)
        redis = CField.string(c.redis)
        workers = c.workers
        config = CField.string(c.config)
        version = CField.string(c.version)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__Health>, in arena: Arena) {
        baud__v1__health__init(c)
        if !status.isEmpty { c.pointee.status = arena.string(status) }
        if !redis.isEmpty { c.pointee.redis = arena.string(redis) }
        c.pointee.workers = workers
        if !config.isEmpty { c.pointee.config = arena.string(config) }
        if !version.isEmpty { c.pointee.version = arena.string(version) }
    }
}
