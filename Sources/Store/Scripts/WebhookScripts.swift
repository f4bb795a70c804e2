internal import Redis

/// The outbox of webhooks. What a run has to tell is laid down beside the run by the very script that writes the event, so neither is
/// there without the other; the index of runs that have or may yet have something to tell is the queue's, and belongs to no thread.
///
/// Under the run's name there are `:outbox`, the list of the ids of events that are to be sent, oldest first, and for each of them
/// `:webhook:` and its id, a copy of the run's hash as it was then, with the event's bytes, how often it was tried, and until when
/// nobody is to try it. They outlive the run and its thread until they are delivered or given up.
enum WebhookScripts {
    /// How many events of a run may wait while it goes on: more are not told. Its end always is.
    private static let runLimit = 32

    /// Part of ``RunPrelude``. `told` gains the runs that have something to tell, each behind a blank; it goes to the queue with the
    /// script's answer.
    static let outbox = #"""
        local told = ''

        -- Lays down an event of a run whose hash is as the receiver is to see it. `webhook`: as the run has it, nil if it has none.
        local function tell(id, webhook, type, event)
            if not webhook then return end
            local events, run = webhook:match('^%S+'), runs .. id
            if events ~= '*' and not (',' .. events .. ','):find(',' .. type .. ',', 1, true) then return end
            if type == 'run_requires_action' and call('LLEN', run .. ':outbox') >= \#(runLimit) then return end
            local entry = run .. ':webhook:' .. event
            call('COPY', run, entry)
            call('HSET', entry, 'webhook_event', call('XRANGE', stream, event, event)[1][2][2])
            call('RPUSH', run .. ':outbox', event)
            told = told .. ' ' .. id
        end

        """#

    private static func script(_ name: String, _ source: String) -> RedisScript {
        RedisScript(name: name, source: shared + source)
    }

    private static let shared =
        Prelude.clock + #"""
            local function later(milliseconds) return string.format('%d', now + milliseconds) end

            """#

    // MARK: The index

    /// A run with a webhook is about to be. KEYS index. ARGV `thread run`, milliseconds until it is looked at for what nobody has announced,
    /// how many runs the index may have.
    static let expect = script(
        "expect",
        #"""
        if call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return { 'full' } end
        call('ZADD', KEYS[1], 'NX', later(ARGV[2]), ARGV[1])
        return { 'ok' }
        """#
    )

    /// Runs to look at; nobody else gets them before the lease is over. KEYS index. ARGV how many, lease in milliseconds. Answers the
    /// end of the lease, in how many milliseconds the next one is due (-1: none is), and the members.
    static let take = script(
        "take",
        #"""
        local ends = later(ARGV[2])
        local taken = call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
        for _, member in ipairs(taken) do call('ZADD', KEYS[1], ends, member) end
        local next = call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
        return { 'ok', ends, next and string.format('%d', math.max(0, next - now)) or '-1', taken }
        """#
    )

    /// Says when a run is to be looked at again; at the earliest of times, where someone else has said so meanwhile. KEYS index. ARGV `thread run`, end of the lease
    /// under which it was taken, milliseconds until then (empty: never).
    static let settle = script(
        "settle",
        #"""
        local is_ours = call('ZSCORE', KEYS[1], ARGV[1]) == ARGV[2]
        if ARGV[3] ~= '' then
            call('ZADD', KEYS[1], 'XX', is_ours and 'CH' or 'LT', later(ARGV[3]), ARGV[1])
        elseif is_ours then
            call('ZREM', KEYS[1], ARGV[1])
        end
        return { 'ok' }
        """#
    )

    /// An event is given up. KEYS dead. ARGV its name, how many are remembered at most, and for how many milliseconds.
    static let bury = script(
        "bury",
        #"""
        call('ZADD', KEYS[1], 'NX', now, ARGV[1])
        call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. later(-ARGV[3]))
        call('ZREMRANGEBYRANK', KEYS[1], 0, -ARGV[2] - 1)
        return { 'ok' }
        """#
    )

    // MARK: A run's outbox. KEYS run, outbox; ARGV what the names of its entries begin with.

    private static let next = #"""
        local live = { queued = true, running = true, cancelling = true, requires_action = true }

        -- What is to become of a run that has nothing to tell just now.
        local function rest() return { live[call('HGET', KEYS[1], 'status') or ''] and 'silent' or 'over' } end

        """#

    /// Takes the oldest event, for one try. Further ARGV lease in milliseconds. Answers `ok` with the event's id, the number of this try
    /// and the entry; `held` and for how many milliseconds it is not to be tried; `silent` where the run may tell something later, `over`
    /// where it will not.
    static let claim = script(
        "claim",
        next + #"""
            local event = call('LINDEX', KEYS[2], 0)
            if not event then return rest() end
            local entry = ARGV[1] .. event
            local state = call('HMGET', entry, 'webhook_again', 'webhook_tries')
            if tonumber(state[1] or 0) > now then return { 'held', string.format('%d', state[1] - now) } end
            local tries = (state[2] or 0) + 1
            call('HSET', entry, 'webhook_again', later(ARGV[2]), 'webhook_tries', tries)
            return { 'ok', event, tries, call('HGETALL', entry) }
            """#
    )

    /// A try is over. Further ARGV the event's id, the number of the try, milliseconds until the next (empty: there is none, and the entry goes),
    /// whether this one does not count (`1`, or empty).
    /// Answers as ``claim`` does, or `stale` where another has tried it since.
    static let release = script(
        "release",
        next + #"""
            local entry = ARGV[1] .. ARGV[2]
            if call('HGET', entry, 'webhook_tries') ~= ARGV[3] then return { 'stale' } end
            if ARGV[5] == '1' then call('HINCRBY', entry, 'webhook_tries', -1) end
            if ARGV[4] ~= '' then
                call('HSET', entry, 'webhook_again', later(ARGV[4]))
                return { 'held', ARGV[4] }
            end
            call('DEL', entry)
            call('LREM', KEYS[2], 1, ARGV[2])
            if call('EXISTS', KEYS[2]) == 1 then return { 'held', '0' } end
            return rest()
            """#
    )
}
