/// A Lua script that the server runs as one indivisible step.
public struct RedisScript: Sendable {
    /// For logs and error texts.
    public let name: String
    public let source: String
    /// The name by which `EVALSHA` calls it: 40 hexadecimal digits.
    public let sha1: String

    public init(name: String, source: String) {
        self.name = name
        self.source = source
        sha1 = SHA1.hex(source.utf8)
    }

    /// `EVAL` with the source, which also teaches it to the server.
    func eval(keys: [String], arguments: [RedisArgument]) -> RedisCommand {
        command("EVAL", RedisArgument(source), keys: keys, arguments: arguments)
    }

    func evalsha(keys: [String], arguments: [RedisArgument]) -> RedisCommand {
        command("EVALSHA", RedisArgument(sha1), keys: keys, arguments: arguments)
    }

    private func command(
        _ verb: String,
        _ script: RedisArgument,
        keys: [String],
        arguments: [RedisArgument]
    ) -> RedisCommand {
        var all: [RedisArgument] = []
        all.reserveCapacity(3 + keys.count + arguments.count)
        all.append(RedisArgument(verb))
        all.append(script)
        all.append(RedisArgument(keys.count))
        for key in keys { all.append(.key(key)) }
        all.append(contentsOf: arguments)
        return RedisCommand(arguments: all)
    }
}
