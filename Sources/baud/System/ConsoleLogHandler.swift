import Config
import Foundation
import Logging

/// Writes log lines to standard error, for people or as JSON for collectors.
///
/// One write per line, so lines of several threads do not mix.
struct ConsoleLogHandler: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    private let format: BaudConfig.Log.Format

    init(_ settings: BaudConfig.Log) {
        logLevel = Logger.Level(rawValue: settings.level.rawValue) ?? .info
        format = settings.format
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = metadata.merging(event.metadata ?? [:]) { _, own in own }.sorted { $0.key < $1.key }
        let time = Date.now.formatted(.iso8601.time(includingFractionalSeconds: true))
        let line: String
        switch format {
        case .text:
            let details = fields.map { " \($0.key)=\($0.value)" }.joined()
            line = "\(time) \(event.level) \(event.message)\(details)\n"
        case .json:
            var object = Dictionary(fields.map { ($0.key, "\($0.value)") }, uniquingKeysWith: { first, _ in first })
            object["time"] = time
            object["level"] = "\(event.level)"
            object["message"] = "\(event.message)"
            let data = try? JSONSerialization.data(
                withJSONObject: object,
                options: [.sortedKeys, .withoutEscapingSlashes]
            )
            line = String(decoding: data ?? Data(), as: UTF8.self) + "\n"
        }
        FileHandle.standardError.put(line)
    }
}

extension FileHandle {
    /// Writes a text if that can be done: that nobody reads it any more, or the disk is full, must not end the process.
    func put(_ text: String) {
        try? write(contentsOf: Data(text.utf8))
    }
}
