/// A command, or a script with its keys and arguments.
public enum RedisCall: Sendable {
    case command(RedisCommand)
    case script(RedisScript, keys: [String], arguments: [RedisArgument] = [])

    /// The slot of the key that decides where a cluster carries it out; `nil` without a key.
    var slot: Int? {
        let key =
            switch self {
            case .command(let command): command.key
            case .script(_, let keys, _): keys.first
            }
        return key.map(HashSlot.of)
    }
}
