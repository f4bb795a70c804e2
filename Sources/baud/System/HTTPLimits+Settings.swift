import Config
import HTTP

extension HTTPLimits {
    /// The limits of the port, as the settings have them.
    init(_ server: BaudConfig.Server) {
        self.init()
        maxConnections = server.maxConnections
        maxConcurrentStreams = server.maxConcurrentStreams
        maxHeaderListBytes = server.limits.headerBytes
        maxHeaderCount = server.limits.headerFields
        maxRequestLineBytes = server.limits.requestLineBytes
        maxUnfinishedBytes = server.limits.unfinishedBytes
        prefaceTimeout = server.limits.preface
        headerTimeout = server.limits.header
        minBodyRate = server.limits.bodyRate
        stallTimeout = server.limits.stall
        idleTimeout = server.limits.idle
        keepAlive = KeepAlive(time: server.keepAlive, timeout: server.keepAliveTimeout, includesIdle: true)
        floodBurst = server.limits.flood
        resetBurst = server.limits.resets
        resetsPerSecond = server.limits.resetsPerSecond
        maxContinuations = server.limits.continuations
        maxQueuedAcknowledgements = server.limits.acknowledgements
    }
}
