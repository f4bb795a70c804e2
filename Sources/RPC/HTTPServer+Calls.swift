public import HTTP
public import Logging
public import NIOPosix

extension HTTPServer {
    /// A server of the router's methods.
    ///
    /// - Parameter otherwise: gets every request that is no call; by default it is answered with 404.
    public convenience init(
        configuration: Configuration,
        group: MultiThreadedEventLoopGroup,
        logger: Logger,
        router: MethodRouter,
        otherwise: @escaping @Sendable (Exchange) -> Void = { $0.respond(ResponseHead(status: 404)) }
    ) {
        self.init(
            configuration: configuration,
            group: group,
            logger: logger,
            immediate: { router.answer($0, body: $1) },
            handler: { if !router.handle($0) { otherwise($0) } }
        )
    }
}
