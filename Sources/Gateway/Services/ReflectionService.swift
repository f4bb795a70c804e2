internal import Messages
internal import NIOCore
internal import RPC

/// `grpc.reflection.v1.ServerReflection`, and v1alpha, which is the same: tools learn the contract from the server.
///
/// Stateless; each request is answered from the descriptors that are part of the program.
struct ReflectionService: Sendable {
    /// The full names of the services that are served.
    let services: [String]

    func register(in router: inout MethodRouter) {
        for method in [Method.reflectionV1ServerReflectionInfo, .reflectionV1alphaServerReflectionInfo] {
            router.streaming(method.path) { _, requests, responses in
                for try await message in requests {
                    let request = try ServerReflectionRequest(decoding: message.bytes)
                    try await responses.write(ByteBuffer(bytes: respond(to: request).serialized()))
                }
            }
        }
    }

    func respond(to request: ServerReflectionRequest) -> ServerReflectionResponse {
        ServerReflectionResponse(
            validHost: request.host,
            originalRequest: request,
            messageResponse: answer(request.messageRequest)
        )
    }

    private func answer(
        _ request: ServerReflectionRequest.MessageRequest?
    ) -> ServerReflectionResponse.MessageResponse {
        switch request {
        case .fileByFilename(let name):
            files(Descriptors.file(named: name), "file \(name)")
        case .fileContainingSymbol(let symbol):
            files(Descriptors.file(declaring: symbol), "symbol \(symbol)")
        case .fileContainingExtension(let wanted):
            files(
                Descriptors.file(extending: wanted.containingType, number: wanted.extensionNumber),
                "extension \(wanted.extensionNumber) of \(wanted.containingType)"
            )
        case .allExtensionNumbersOfType(let type):
            .allExtensionNumbersResponse(
                ExtensionNumberResponse(
                    baseTypeName: type,
                    extensionNumber: Descriptors.extensionNumbers(of: type)
                )
            )
        case .listServices:
            .listServicesResponse(ListServiceResponse(service: services.map { ServiceResponse(name: $0) }))
        case nil:
            failure(.invalidArgument, "the request asks for nothing")
        }
    }

    private func files(_ files: [[UInt8]]?, _ what: String) -> ServerReflectionResponse.MessageResponse {
        guard let files else { return failure(.notFound, "there is no \(what)") }
        return .fileDescriptorResponse(FileDescriptorResponse(fileDescriptorProto: files))
    }

    private func failure(_ code: Status.Code, _ message: String) -> ServerReflectionResponse.MessageResponse {
        .errorResponse(ErrorResponse(errorCode: Int32(code.rawValue), errorMessage: message))
    }
}

extension Message {
    /// Decodes a message of a service that is gRPC's own.
    init(decoding bytes: RawSpan) throws(Status) {
        do throws(MessageError) {
            self = try bytes.withUnsafeBytes { bytes throws(MessageError) in try Self(serialized: bytes) }
        } catch {
            throw Status(.internal, error.description)
        }
    }

    /// Decodes a message of a service that is gRPC's own.
    init(decoding buffer: ByteBuffer) throws(Status) {
        let result = buffer.withUnsafeReadableBytes { bytes in
            Result { () throws(Status) -> Self in try Self(decoding: bytes.bytes) }
        }
        self = try result.get()
    }
}
