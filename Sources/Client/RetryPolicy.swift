/// How often something is tried again after the server was not available, and after what time.
///
/// The wait doubles from `base` to `cap`, and a random part of it is taken ("full jitter"), so that clients which lost
/// one server at one time do not come back at one time.
struct RetryPolicy: Sendable {
    /// Failures in a row after which the error is given to the caller: this many and one.
    var maxRetries: Int
    var base: Duration = .milliseconds(100)
    var cap: Duration = .seconds(5)

    /// Unary calls: done with within a second or so, as somebody waits.
    static let calls = RetryPolicy(maxRetries: 4)
    /// Event sequences: long enough for a server to be started anew; about a minute in the mean.
    static let events = RetryPolicy(maxRetries: 30)

    /// The wait before retry `number`, counted from 1; nil when it is not to be made.
    func delay(beforeRetry number: Int, using random: inout some RandomNumberGenerator) -> Duration? {
        guard number <= maxRetries else { return nil }
        let ceiling = min(cap, base * (1 << min(number - 1, 20)))
        return ceiling * Double.random(in: 0...1, using: &random)
    }

    func delay(beforeRetry number: Int) -> Duration? {
        var random = SystemRandomNumberGenerator()
        return delay(beforeRetry: number, using: &random)
    }
}
