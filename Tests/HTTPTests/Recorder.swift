import CoreMetrics
import Logging
import Synchronization

/// Where a test's counters and log lines go.
final class Recorder: MetricsFactory, LogHandler, Sendable {
    /// By the value of the first dimension.
    let counts = Mutex<[String: Int64]>([:])
    /// Message and reason of each line.
    let lines = Mutex<[String]>([])

    private final class Count: CounterHandler {
        let recorder: Recorder
        let name: String

        init(_ recorder: Recorder, _ name: String) { (self.recorder, self.name) = (recorder, name) }

        func increment(by amount: Int64) { recorder.counts.withLock { $0[name, default: 0] += amount } }
        func reset() { recorder.counts.withLock { $0[name] = nil } }
    }

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        Count(self, dimensions.first?.1 ?? label)
    }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        NOOPMetricsHandler.instance
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler { NOOPMetricsHandler.instance }

    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}

    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) {
        let reason = event.metadata?["reason"].map { "\($0)" } ?? ""
        lines.withLock { $0.append("\(event.message) \(reason)") }
    }
}
