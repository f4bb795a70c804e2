// Made by tools/generate from proto/. Not to be edited by hand.

internal import CProtos
public import OrderedCollections

public struct HealthCheckRequest: Message, Hashable {
    /// The full name of a service; empty for the server as a whole.
    public var service: String

    public init(
        service: String = ""
    ) {
        self.service = service
    }
}

extension HealthCheckRequest: CMessage {
    public static var typeName: String { "grpc.health.v1.HealthCheckRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        grpc__health__v1__health_check_request__descriptor_pointer()
    }

    init(c: Grpc__Health__V1__HealthCheckRequest) {
        service = CField.string(c.service)
    }

    func fill(_ c: UnsafeMutablePointer<Grpc__Health__V1__HealthCheckRequest>, in arena: Arena) {
        grpc__health__v1__health_check_request__init(c)
        if !service.isEmpty { c.pointee.service = arena.string(service) }
    }
}

public struct HealthCheckResponse: Message, Hashable {
    public var status: ServingStatus

    public init(
        status: ServingStatus = ServingStatus(rawValue: 0)
    ) {
        self.status = status
    }
}

extension HealthCheckResponse: CMessage {
    public static var typeName: String { "grpc.health.v1.HealthCheckResponse" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        grpc__health__v1__health_check_response__descriptor_pointer()
    }

    init(c: Grpc__Health__V1__HealthCheckResponse) {
        status = ServingStatus(rawValue: Int(c.status.rawValue))
    }

    func fill(_ c: UnsafeMutablePointer<Grpc__Health__V1__HealthCheckResponse>, in arena: Arena) {
        grpc__health__v1__health_check_response__init(c)
        c.pointee.status = .init(rawValue: .init(status.rawValue))
    }
}

public struct HealthListRequest: Message, Hashable {

    public init() {}
}

extension HealthListRequest: CMessage {
    public static var typeName: String { "grpc.health.v1.HealthListRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        grpc__health__v1__health_list_request__descriptor_pointer()
    }

    init(c: Grpc__Health__V1__HealthListRequest) {
        self.init()
    }

    func fill(_ c: UnsafeMutablePointer<Grpc__Health__V1__HealthListRequest>, in arena: Arena) {
        grpc__health__v1__health_list_request__init(c)
    }
}

public struct HealthListResponse: Message, Hashable {
    public var statuses: OrderedDictionary<String, HealthCheckResponse>

    public init(
        statuses: OrderedDictionary<String, HealthCheckResponse> = [:]
    ) {
        self.statuses = statuses
    }
}

extension HealthListResponse: CMessage {
    public static var typeName: String { "grpc.health.v1.HealthListResponse" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        grpc__health__v1__health_list_response__descriptor_pointer()
    }

    init(c: Grpc__Health__V1__HealthListResponse) {
        statuses = CField.dictionary(c.n_statuses, c.statuses) { ($0.key, CField.message($0.value)) }
    }

    func fill(_ c: UnsafeMutablePointer<Grpc__Health__V1__HealthListResponse>, in arena: Arena) {
        grpc__health__v1__health_list_response__init(c)
        (c.pointee.n_statuses, c.pointee.statuses) = arena.entries(
            statuses,
            of: Grpc__Health__V1__HealthListResponse__StatusesEntry.self,
            grpc__health__v1__health_list_response__statuses_entry__init
        ) {
            $0.pointee.key = $1
            $0.pointee.value = arena.message($2)
        }
    }
}

public struct ServingStatus: Sendable, Hashable, RawRepresentable {
    public var rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }

    public static let unknown = ServingStatus(rawValue: 0)
    public static let serving = ServingStatus(rawValue: 1)
    public static let notServing = ServingStatus(rawValue: 2)
    public static let serviceUnknown = ServingStatus(rawValue: 3)
}
