/// Gathers the replies to several commands in their order, on one loop.
final class ReplyCollector {
    typealias Reply = Result<RESPValue, RedisError>

    private var replies: [Reply?]
    private var missing: Int
    private let completion: ([Reply]) -> Void

    /// - Parameter count: at least one.
    init(count: Int, completion: @escaping ([Reply]) -> Void) {
        replies = Array(repeating: nil, count: count)
        missing = count
        self.completion = completion
    }

    func set(_ index: Int, _ reply: Reply) {
        replies[index] = reply
        missing -= 1
        if missing == 0 { completion(replies.compactMap { $0 }) }
    }
}
