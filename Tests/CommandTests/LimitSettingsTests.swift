import Config
import HTTP
import Testing

@testable import baud

/// Every limit of the port is a setting, and its default is the same in both places.
struct LimitSettingsTests {
    @Test func defaultsAreTheSame() {
        #expect(HTTPLimits(BaudConfig().server) == HTTPLimits())
    }

    @Test func everyLimitIsSet() throws {
        let config = try BaudConfig.parse(
            """
            [server]
            max_connections = 501
            max_concurrent_streams = 502
            max_header_bytes = 1503
            max_header_fields = 504
            max_request_line_bytes = 505
            max_unfinished_bytes = 1048577
            preface_seconds = 506
            header_seconds = 507
            min_body_bytes_per_second = 508
            keepalive_seconds = 516
            stall_seconds = 509
            idle_seconds = 510
            max_flood_frames = 511
            max_resets = 512
            max_resets_per_second = 513
            max_continuations = 514
            max_unread_acknowledgements = 515
            """
        )
        let (limits, defaults) = (HTTPLimits(config.server), HTTPLimits())
        for (set, standard) in zip(Mirror(reflecting: limits).children, Mirror(reflecting: defaults).children) {
            #expect("\(set.value)" != "\(standard.value)", "\(set.label ?? "") is no setting")
        }
        #expect(limits.prefaceTimeout == .seconds(506) && limits.maxQueuedAcknowledgements == 515)
    }
}
