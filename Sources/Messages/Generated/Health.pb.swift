// Made by tools/generate from proto/. Not to be edited by hand.

internal import CProtos

public struct HealthCheckRequest: Message, Hashable {
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

public struct ServingStatus: Sendable, Hashable, RawRepresentable {
    public var rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }

    public static let unknown = ServingStatus(rawValue: 0)
    public static let serving = ServingStatus(rawValue: 1)
    public static let notServing = ServingStatus(rawValue: 2)
    public static let serviceUnknown = ServingStatus(rawValue: 3)
}
