internal import Redis

/// A thread's schedules: a hash that holds each one's message under its id and its next time under `id:next`.
enum ScheduleScripts {
    /// KEYS metadata, schedules. ARGV id, schedule, next time, how many there may be.
    static let add = RedisScript(
        name: "schedule",
        source: #"""
            if redis.call('EXISTS', KEYS[1]) == 0 then return { 'missing' } end
            if redis.call('HLEN', KEYS[2]) / 2 >= tonumber(ARGV[4]) then return { 'full' } end
            redis.call('HSET', KEYS[2], ARGV[1], ARGV[2], ARGV[1] .. ':next', ARGV[3])
            return { 'ok' }
            """#
    )

    /// After a time has come: only who still finds that time goes on to the next one. KEYS schedules. ARGV id, the time that has come,
    /// schedule, next time (empty: there is none and the schedule goes; `never`: it stays to be seen).
    static let advance = RedisScript(
        name: "advance",
        source: #"""
            if redis.call('HGET', KEYS[1], ARGV[1] .. ':next') ~= ARGV[2] then return { 'ok' } end
            if ARGV[4] == '' then
                redis.call('HDEL', KEYS[1], ARGV[1], ARGV[1] .. ':next')
            elseif ARGV[4] == 'never' then
                redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
                redis.call('HDEL', KEYS[1], ARGV[1] .. ':next')
            else
                redis.call('HSET', KEYS[1], ARGV[1], ARGV[3], ARGV[1] .. ':next', ARGV[4])
            end
            return { 'ok' }
            """#
    )
}
