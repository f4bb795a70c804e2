// Made by tools/generate from proto/. Not to be edited by hand.

internal import CProtos

public struct ServerReflectionRequest: Message, Hashable {
    public var host: String
    public var messageRequest: MessageRequest?

    public enum MessageRequest: Sendable, Hashable {
        case fileByFilename(String)
        case fileContainingSymbol(String)
        case fileContainingExtension(ExtensionRequest)
        case allExtensionNumbersOfType(String)
        case listServices(String)
    }

    public init(
        host: String = "",
        messageRequest: MessageRequest? = nil
    ) {
        self.host = host
        self.messageRequest = messageRequest
    }
}

extension ServerReflectionRequest: CMessage {
    public static var typeName: String { "grpc.reflection.v1.ServerReflectionRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        grpc__reflection__v1__server_reflection_request__descriptor_pointer()
    }

    init(c: Grpc__Reflection__V1__ServerReflectionRequest) {
        host = CField.string(c.host)
        switch c.message_request_case {
        case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
            messageRequest = .fileByFilename(CField.string(c.file_by_filename))
        case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
            messageRequest = .fileContainingSymbol(CField.string(c.file_containing_symbol))
        case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION:
            messageRequest = CField.message(c.file_containing_extension).map { .fileContainingExtension($0) }
        case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE:
            messageRequest = .allExtensionNumbersOfType(CField.string(c.all_extension_numbers_of_type))
        case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
            messageRequest = .listServices(CField.string(c.list_services))
        default: messageRequest = nil
        }
    }

    func fill(_ c: UnsafeMutablePointer<Grpc__Reflection__V1__ServerReflectionRequest>, in arena: Arena) {
        grpc__reflection__v1__server_reflection_request__init(c)
        if !host.isEmpty { c.pointee.host = arena.string(host) }
        switch messageRequest {
        case .fileByFilename(let value):
            c.pointee.message_request_case =
                GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME
            c.pointee.file_by_filename = arena.string(value)
        case .fileContainingSymbol(let value):
            c.pointee.message_request_case =
                GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL
            c.pointee.file_containing_symbol = arena.string(value)
        case .fileContainingExtension(let value):
            c.pointee.message_request_case =
                GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION
            c.pointee.file_containing_extension = arena.message(value)
        case .allExtensionNumbersOfType(let value):
            c.pointee.message_request_case =
                GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE
            c.pointee.all_extension_numbers_of_type = arena.string(value)
        case .listServices(let value):
            c.pointee.message_request_case =
                GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES
            c.pointee.list_services = arena.string(value)
        case nil: break
        }
    }
}

public struct ExtensionRequest: Message, Hashable {
    public var containingType: String
    public var extensionNumber: Int32

    public init(
        containingType: String = "",
        extensionNumber: Int32 = 0
    ) {
        self.containingType = containingType
        self.extensionNumber = extensionNumber
    }
}

extension ExtensionRequest: CMessage {
    public static var typeName: String { "grpc.reflection.v1.ExtensionRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        grpc__reflection__v1__extension_request__descriptor_pointer()
    }

    init(c: Grpc__Reflection__V1__ExtensionRequest) {
        containingType = CField.string(c.containing_type)
        extensionNumber = c.extension_number
    }

    func fill(_ c: UnsafeMutablePointer<Grpc__Reflection__V1__ExtensionRequest>, in arena: Arena) {
        grpc__reflection__v1__extension_request__init(c)
        if !containingType.isEmpty { c.pointee.containing_type = arena.string(containingType) }
        c.pointee.extension_number = extensionNumber
    }
}

public struct ServerReflectionResponse: Message, Hashable {
    public var validHost: String
    public var originalRequest: ServerReflectionRequest?
    public var messageResponse: MessageResponse?

    public enum MessageResponse: Sendable, Hashable {
        case fileDescriptorResponse(FileDescriptorResponse)
        case allExtensionNumbersResponse(ExtensionNumberResponse)
        case listServicesResponse(ListServiceResponse)
        case errorResponse(ErrorResponse)
    }

    public init(
        validHost: String = "",
        originalRequest: ServerReflectionRequest? = nil,
        messageResponse: MessageResponse? = nil
    ) {
        self.validHost = validHost
        self.originalRequest = originalRequest
        self.messageResponse = messageResponse
    }
}

extension ServerReflectionResponse: CMessage {
    public static var typeName: String { "grpc.reflection.v1.ServerReflectionResponse" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        grpc__reflection__v1__server_reflection_response__descriptor_pointer()
    }

    init(c: Grpc__Reflection__V1__ServerReflectionResponse) {
        validHost = CField.string(c.valid_host)
        originalRequest = CField.message(c.original_request)
        switch c.message_response_case {
        case GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE:
            messageResponse = CField.message(c.file_descriptor_response).map { .fileDescriptorResponse($0) }
        case GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ALL_EXTENSION_NUMBERS_RESPONSE:
            messageResponse = CField.message(c.all_extension_numbers_response).map { .allExtensionNumbersResponse($0) }
        case GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE:
            messageResponse = CField.message(c.list_services_response).map { .listServicesResponse($0) }
        case GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE:
            messageResponse = CField.message(c.error_response).map { .errorResponse($0) }
        default: messageResponse = nil
        }
    }

    func fill(_ c: UnsafeMutablePointer<Grpc__Reflection__V1__ServerReflectionResponse>, in arena: Arena) {
        grpc__reflection__v1__server_reflection_response__init(c)
        if !validHost.isEmpty { c.pointee.valid_host = arena.string(validHost) }
        c.pointee.original_request = arena.message(ifPresent: originalRequest)
        switch messageResponse {
        case .fileDescriptorResponse(let value):
            c.pointee.message_response_case =
                GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE
            c.pointee.file_descriptor_response = arena.message(value)
        case .allExtensionNumbersResponse(let value):
            c.pointee.message_response_case =
                GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ALL_EXTENSION_NUMBERS_RESPONSE
            c.pointee.all_extension_numbers_response = arena.message(value)
        case .listServicesResponse(let value):
            c.pointee.message_response_case =
                GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE
            c.pointee.list_services_response = arena.message(value)
        case .errorResponse(let value):
            c.pointee.message_response_case =
                GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE
            c.pointee.error_response = arena.message(value)
        case nil: break
        }
    }
}

public struct FileDescriptorResponse: Message, Hashable {
    /// Serialized google.protobuf.FileDescriptorProto: the file that was asked for, and those that it imports.
    public var fileDescriptorProto: [[UInt8]]

    public init(
        fileDescriptorProto: [[UInt8]] = []
    ) {
        self.fileDescriptorProto = fileDescriptorProto
    }
}

extension FileDescriptorResponse: CMessage {
    public static var typeName: String { "grpc.reflection.v1.FileDescriptorResponse" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        grpc__reflection__v1__file_descriptor_response__descriptor_pointer()
    }

    init(c: Grpc__Reflection__V1__FileDescriptorResponse) {
        fileDescriptorProto = CField.blobs(c.n_file_descriptor_proto, c.file_descriptor_proto)
    }

    func fill(_ c: UnsafeMutablePointer<Grpc__Reflection__V1__FileDescriptorResponse>, in arena: Arena) {
        grpc__reflection__v1__file_descriptor_response__init(c)
        (c.pointee.n_file_descriptor_proto, c.pointee.file_descriptor_proto) = arena.blobs(fileDescriptorProto)
    }
}

public struct ExtensionNumberResponse: Message, Hashable {
    public var baseTypeName: String
    public var extensionNumber: [Int32]

    public init(
        baseTypeName: String = "",
        extensionNumber: [Int32] = []
    ) {
        self.baseTypeName = baseTypeName
        self.extensionNumber = extensionNumber
    }
}

extension ExtensionNumberResponse: CMessage {
    public static var typeName: String { "grpc.reflection.v1.ExtensionNumberResponse" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        grpc__reflection__v1__extension_number_response__descriptor_pointer()
    }

    init(c: Grpc__Reflection__V1__ExtensionNumberResponse) {
        baseTypeName = CField.string(c.base_type_name)
        extensionNumber = CField.scalars(c.n_extension_number, c.extension_number)
    }

    func fill(_ c: UnsafeMutablePointer<Grpc__Reflection__V1__ExtensionNumberResponse>, in arena: Arena) {
        grpc__reflection__v1__extension_number_response__init(c)
        if !baseTypeName.isEmpty { c.pointee.base_type_name = arena.string(baseTypeName) }
        (c.pointee.n_extension_number, c.pointee.extension_number) = arena.scalars(extensionNumber)
    }
}

public struct ListServiceResponse: Message, Hashable {
    public var service: [ServiceResponse]

    public init(
        service: [ServiceResponse] = []
    ) {
        self.service = service
    }
}

extension ListServiceResponse: CMessage {
    public static var typeName: String { "grpc.reflection.v1.ListServiceResponse" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        grpc__reflection__v1__list_service_response__descriptor_pointer()
    }

    init(c: Grpc__Reflection__V1__ListServiceResponse) {
        service = CField.messages(c.n_service, c.service)
    }

    func fill(_ c: UnsafeMutablePointer<Grpc__Reflection__V1__ListServiceResponse>, in arena: Arena) {
        grpc__reflection__v1__list_service_response__init(c)
        (c.pointee.n_service, c.pointee.service) = arena.messages(service)
    }
}

public struct ServiceResponse: Message, Hashable {
    public var name: String

    public init(
        name: String = ""
    ) {
        self.name = name
    }
}

extension ServiceResponse: CMessage {
    public static var typeName: String { "grpc.reflection.v1.ServiceResponse" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        grpc__reflection__v1__service_response__descriptor_pointer()
    }

    init(c: Grpc__Reflection__V1__ServiceResponse) {
        name = CField.string(c.name)
    }

    func fill(_ c: UnsafeMutablePointer<Grpc__Reflection__V1__ServiceResponse>, in arena: Arena) {
        grpc__reflection__v1__service_response__init(c)
        if !name.isEmpty { c.pointee.name = arena.string(name) }
    }
}

public struct ErrorResponse: Message, Hashable {
    /// A gRPC status code.
    public var errorCode: Int32
    public var errorMessage: String

    public init(
        errorCode: Int32 = 0,
        errorMessage: String = ""
    ) {
        self.errorCode = errorCode
        self.errorMessage = errorMessage
    }
}

extension ErrorResponse: CMessage {
    public static var typeName: String { "grpc.reflection.v1.ErrorResponse" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        grpc__reflection__v1__error_response__descriptor_pointer()
    }

    init(c: Grpc__Reflection__V1__ErrorResponse) {
        errorCode = c.error_code
        errorMessage = CField.string(c.error_message)
    }

    func fill(_ c: UnsafeMutablePointer<Grpc__Reflection__V1__ErrorResponse>, in arena: Arena) {
        grpc__reflection__v1__error_response__init(c)
        c.pointee.error_code = errorCode
        if !errorMessage.isEmpty { c.pointee.error_message = arena.string(errorMessage) }
    }
}
