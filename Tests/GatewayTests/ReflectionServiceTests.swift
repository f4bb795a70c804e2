import Messages
import Testing

@testable import Gateway

struct ReflectionServiceTests {
    private let service = ReflectionService(services: ["baud.v1.AgentService"])

    private func answer(
        _ request: ServerReflectionRequest.MessageRequest?
    ) -> ServerReflectionResponse.MessageResponse? {
        let request = ServerReflectionRequest(host: "h", messageRequest: request)
        let response = service.respond(to: request)
        #expect(response.validHost == "h")
        #expect(response.originalRequest == request)
        return response.messageResponse
    }

    /// The names of the files in an answer; a `FileDescriptorProto` begins with its name.
    private func names(_ answer: ServerReflectionResponse.MessageResponse?) -> [String] {
        guard case .fileDescriptorResponse(let response) = answer else { return [] }
        return response.fileDescriptorProto.map { bytes in
            String(decoding: bytes.dropFirst(2).prefix(Int(bytes[1])), as: UTF8.self)
        }
    }

    @Test func `services are listed`() {
        let list = ListServiceResponse(service: [ServiceResponse(name: "baud.v1.AgentService")])
        #expect(answer(.listServices("*")) == .listServicesResponse(list))
    }

    @Test(arguments: ["baud.v1.Run", "baud.v1.Run.run_id", "baud.v1.Usage"])
    func `a symbol leads to its file`(symbol: String) {
        #expect(names(answer(.fileContainingSymbol(symbol))) == ["baud/v1/run.proto"])
    }

    @Test func `a file comes with what it imports`() {
        let files = names(answer(.fileContainingSymbol("baud.v1.AgentService.GetThread")))
        #expect(files.first == "baud/v1/service.proto")
        #expect(Set(files).count == files.count)
        for name in ["run", "thread", "event", "system", "route"] { #expect(files.contains("baud/v1/\(name).proto")) }
        #expect(files.contains("google/protobuf/descriptor.proto"))
        #expect(names(answer(.fileByFilename("baud/v1/run.proto"))) == ["baud/v1/run.proto"])
    }

    @Test func `every method's file is found`() {
        for method in Method.all {
            #expect(!names(answer(.fileContainingSymbol("\(method.service).\(method.name)"))).isEmpty)
        }
    }

    @Test func `extensions are found by what they extend`() throws {
        let type = "google.protobuf.MethodOptions"
        guard case .allExtensionNumbersResponse(let numbers) = answer(.allExtensionNumbersOfType(type)) else {
            Issue.record("no numbers")
            return
        }
        let number = try #require(numbers.extensionNumber.first)
        let wanted = ExtensionRequest(containingType: type, extensionNumber: number)
        #expect(names(answer(.fileContainingExtension(wanted))).first == "baud/v1/route.proto")
    }

    @Test func `what there is not is an error in the answer`() {
        for request in [
            .fileByFilename("none.proto"), .fileContainingSymbol("baud.v1.None"),
            .fileContainingExtension(ExtensionRequest(containingType: "x", extensionNumber: 1)),
        ] as [ServerReflectionRequest.MessageRequest] {
            guard case .errorResponse(let error) = answer(request) else {
                Issue.record("\(request) was answered")
                return
            }
            #expect(error.errorCode == 5)
        }
    }
}
