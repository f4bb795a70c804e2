internal import Redis

/// Scripts that let go of what has been kept for long enough. None of them touches what a run that has not ended may still need.
enum RetentionScripts {
    /// Takes threads to look at; nobody else gets them before the lease is over. KEYS sweep. ARGV the time (empty: that of Redis, as the
    /// clock of one worker must not decide what is old), lease in milliseconds, how many. Answers the time, the end of the lease, the threads.
    static let take = Prelude.script(
        "take",
        #"""
        local time = ARGV[1] ~= '' and ARGV[1] or now()
        local ends = string.format('%d', time + ARGV[2])
        local threads = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', time, 'LIMIT', 0, ARGV[3])
        for _, thread in ipairs(threads) do redis.call('ZADD', KEYS[1], ends, thread) end
        return { 'ok', time, ends, threads }
        """#
    )

    /// Says when a thread is to be looked at again, unless someone has said so meanwhile. KEYS sweep. ARGV thread, end of the lease under
    /// which it was taken, when (empty: never).
    static let settle = Prelude.script(
        "settle",
        #"""
        if redis.call('ZSCORE', KEYS[1], ARGV[1]) ~= ARGV[2] then return { 'ok' } end
        if ARGV[3] == '' then
            redis.call('ZREM', KEYS[1], ARGV[1])
        else
            redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
        end
        return { 'ok' }
        """#
    )

    /// Removes deltas of a run that has ended. KEYS metadata, stream, run. ARGV `1` if these are the last, then the ids.
    static let fold = Prelude.script(
        "fold",
        #"""
        if redis.call('EXISTS', KEYS[1]) == 0 then return { 'missing' } end
        if #ARGV > 1 then redis.call('XDEL', KEYS[2], unpack(ARGV, 2)) end
        if ARGV[1] == '1' then redis.call('HSET', KEYS[3], 'folded', 1) end
        return { 'ok' }
        """#
    )

    /// Removes the oldest events up to an id, and remembers how far. KEYS metadata, stream. ARGV id, how many runs have no events left.
    static let trim = Prelude.script(
        "trim",
        #"""
        if redis.call('EXISTS', KEYS[1]) == 0 then return { 'missing' } end
        local last = redis.call('XREVRANGE', KEYS[2], ARGV[1], '-', 'COUNT', 1)[1]
        if last then
            redis.call('HSET', KEYS[1], 'trimmed_seq', seq_of(last[2][2]), 'trimmed_id', last[1])
            local time, counter = last[1]:match('^(%d+)-(%d+)$')
            redis.call('XTRIM', KEYS[2], 'MINID', '=', time .. '-' .. string.format('%d', counter + 1))
        end
        redis.call('HSET', KEYS[1], 'swept', ARGV[2])
        return { 'ok' }
        """#
    )
}
