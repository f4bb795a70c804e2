// Made by tools/generate from proto/. Not to be edited by hand.

extension Method {
    public static let healthV1Check = Method(
        service: "grpc.health.v1.Health",
        name: "Check",
        request: MessageType(HealthCheckRequest.self),
        response: MessageType(HealthCheckResponse.self),
        isServerStreaming: false,
        route: nil
    )
    public static let healthV1List = Method(
        service: "grpc.health.v1.Health",
        name: "List",
        request: MessageType(HealthListRequest.self),
        response: MessageType(HealthListResponse.self),
        isServerStreaming: false,
        route: nil
    )
    public static let healthV1Watch = Method(
        service: "grpc.health.v1.Health",
        name: "Watch",
        request: MessageType(HealthCheckRequest.self),
        response: MessageType(HealthCheckResponse.self),
        isServerStreaming: true,
        route: nil
    )
    public static let reflectionV1ServerReflectionInfo = Method(
        service: "grpc.reflection.v1.ServerReflection",
        name: "ServerReflectionInfo",
        request: MessageType(ServerReflectionRequest.self),
        response: MessageType(ServerReflectionResponse.self),
        isServerStreaming: true,
        route: nil
    )
    public static let initiateThread = Method(
        service: "baud.v1.AgentService",
        name: "InitiateThread",
        request: MessageType(InitiateThreadRequest.self),
        response: MessageType(Thread.self),
        isServerStreaming: false,
        route: Route(verb: "POST", path: "/api/agent/initiate")
    )
    public static let getThread = Method(
        service: "baud.v1.AgentService",
        name: "GetThread",
        request: MessageType(GetThreadRequest.self),
        response: MessageType(Thread.self),
        isServerStreaming: false,
        route: Route(verb: "GET", path: "/api/agent/{thread_id}")
    )
    public static let listThreads = Method(
        service: "baud.v1.AgentService",
        name: "ListThreads",
        request: MessageType(ListThreadsRequest.self),
        response: MessageType(ListThreadsResponse.self),
        isServerStreaming: false,
        route: Route(verb: "GET", path: "/api/agent")
    )
    public static let deleteThread = Method(
        service: "baud.v1.AgentService",
        name: "DeleteThread",
        request: MessageType(DeleteThreadRequest.self),
        response: MessageType(DeleteThreadResponse.self),
        isServerStreaming: false,
        route: Route(verb: "DELETE", path: "/api/agent/{thread_id}")
    )
    public static let executeRun = Method(
        service: "baud.v1.AgentService",
        name: "ExecuteRun",
        request: MessageType(ExecuteRunRequest.self),
        response: MessageType(Run.self),
        isServerStreaming: false,
        route: Route(verb: "POST", path: "/api/agent/{thread_id}/execute")
    )
    public static let getRun = Method(
        service: "baud.v1.AgentService",
        name: "GetRun",
        request: MessageType(GetRunRequest.self),
        response: MessageType(Run.self),
        isServerStreaming: false,
        route: Route(verb: "GET", path: "/api/agent/{thread_id}/runs/{run_id}")
    )
    public static let listRuns = Method(
        service: "baud.v1.AgentService",
        name: "ListRuns",
        request: MessageType(ListRunsRequest.self),
        response: MessageType(ListRunsResponse.self),
        isServerStreaming: false,
        route: Route(verb: "GET", path: "/api/agent/{thread_id}/runs")
    )
    public static let cancelRun = Method(
        service: "baud.v1.AgentService",
        name: "CancelRun",
        request: MessageType(CancelRunRequest.self),
        response: MessageType(Run.self),
        isServerStreaming: false,
        route: Route(verb: "POST", path: "/api/agent/{thread_id}/runs/{run_id}/cancel")
    )
    public static let streamThread = Method(
        service: "baud.v1.AgentService",
        name: "StreamThread",
        request: MessageType(StreamThreadRequest.self),
        response: MessageType(Event.self),
        isServerStreaming: true,
        route: Route(verb: "GET", path: "/api/agent/{thread_id}/stream")
    )
    public static let executeAndStream = Method(
        service: "baud.v1.AgentService",
        name: "ExecuteAndStream",
        request: MessageType(ExecuteRunRequest.self),
        response: MessageType(Event.self),
        isServerStreaming: true,
        route: Route(verb: "POST", path: "/api/agent/{thread_id}/execute/stream")
    )
    public static let streamFlow = Method(
        service: "baud.v1.FlowService",
        name: "StreamFlow",
        request: MessageType(StreamFlowRequest.self),
        response: MessageType(FlowEvent.self),
        isServerStreaming: true,
        route: Route(verb: "GET", path: "/agent/event-stream")
    )
    public static let getHealth = Method(
        service: "baud.v1.SystemService",
        name: "GetHealth",
        request: MessageType(GetHealthRequest.self),
        response: MessageType(Health.self),
        isServerStreaming: false,
        route: Route(verb: "GET", path: "/health")
    )
    public static let reflectionV1alphaServerReflectionInfo = Method(
        service: "grpc.reflection.v1alpha.ServerReflection",
        name: "ServerReflectionInfo",
        request: MessageType(ServerReflectionRequest.self),
        response: MessageType(ServerReflectionResponse.self),
        isServerStreaming: true,
        route: nil
    )

    /// Every method of the contract.
    public static let all = [
        healthV1Check,
        healthV1List,
        healthV1Watch,
        reflectionV1ServerReflectionInfo,
        initiateThread,
        getThread,
        listThreads,
        deleteThread,
        executeRun,
        getRun,
        listRuns,
        cancelRun,
        streamThread,
        executeAndStream,
        streamFlow,
        getHealth,
        reflectionV1alphaServerReflectionInfo,
    ]
}
