internal import Redis

/// Scripts that change a run: each is one compare-and-set with the events that tell of it.
enum RunScripts {
    /// KEYS metadata, stream, runs, run, pending, queue, idempotency. ARGV thread id, run id, task, model, event `run_queued`, live
    /// channel, how many may wait, request (empty without an idempotency key), seconds to keep the key.
    static let execute = Prelude.script(
        "execute",
        #"""
        local thread_id, run_id = ARGV[1], ARGV[2]
        if redis.call('EXISTS', KEYS[1]) == 0 then return { 'missing' } end
        if ARGV[8] ~= '' then
            local known = redis.call('GET', KEYS[7])
            if known then
                if known:sub(1, 40) == redis.sha1hex(ARGV[8]) then return { 'replayed', known:sub(41) } end
                return { 'mismatch' }
            end
        end
        local active = redis.call('HGET', KEYS[1], 'active')
        if active and redis.call('LLEN', KEYS[5]) >= tonumber(ARGV[7]) then return { 'full', active } end
        if ARGV[8] ~= '' then redis.call('SET', KEYS[7], redis.sha1hex(ARGV[8]) .. run_id, 'EX', ARGV[9]) end
        local time = now()
        redis.call('HSET', KEYS[4], 'status', 'queued', 'task', ARGV[3], 'model', ARGV[4], 'attempt', 0, 'losses', 0,
            'created_at', time, 'cursor', redis.call('HGET', KEYS[1], 'last_id'),
            'ahead', active and redis.call('LLEN', KEYS[5]) + 1 or 0)
        redis.call('RPUSH', KEYS[3], run_id)
        redis.call('HINCRBY', KEYS[1], 'run_count', 1)
        append(KEYS[1], KEYS[2], ARGV[6], { ARGV[5] })
        if active then
            redis.call('RPUSH', KEYS[5], run_id)
        else
            enqueue(KEYS[6], KEYS[1], KEYS[4], thread_id, run_id)
        end
        return { 'ok', run_id }
        """#
    )

    /// A worker takes a run up. KEYS metadata, stream, run, journal, messages, memory, pending, queue, dead. ARGV thread id, run id,
    /// entry, group, worker, live channel, how many workers a run may lose, what run keys begin with, events `run_attempt_started`,
    /// `run_failed` (too many lost workers) and `run_cancelled`.
    static let claim = Prelude.script(
        "claim",
        #"""
        local thread_id, run_id, entry, group, live = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[6]
        local run = redis.call('HMGET', KEYS[3], 'status', 'entry', 'attempt', 'losses', 'task', 'model', 'recorded_seq')
        local status = run[1]
        if not status or terminal[status] or run[2] ~= entry then
            redis.call('XACK', KEYS[8], group, entry)
            redis.call('XDEL', KEYS[8], entry)
            return { 'gone' }
        end
        local function finish(outcome, event, attempt)
            dequeue(KEYS[8], group, KEYS[3])
            redis.call('DEL', KEYS[4])
            local _, final = append(KEYS[1], KEYS[2], live, { event .. attempt_field(attempt) })
            redis.call('HSET', KEYS[3], 'status', outcome, 'ended_at', now(), 'final_id', final)
            promote(KEYS[8], KEYS[1], KEYS[7], ARGV[8], thread_id)
            return { 'ended', outcome }
        end
        local attempt, losses = tonumber(run[3]), tonumber(run[4])
        if status == 'cancelling' then
            redis.call('HSET', KEYS[3], 'reason', 'user')
            return finish('cancelled', ARGV[11], attempt)
        end
        if status == 'running' then losses = redis.call('HINCRBY', KEYS[3], 'losses', 1) end
        if losses >= tonumber(ARGV[7]) then
            redis.call('HSET', KEYS[3], 'error_code', 'max_attempts',
                'error_message', 'the run lost its worker ' .. losses .. ' times')
            redis.call('RPUSH', KEYS[9], thread_id .. ' ' .. run_id)
            return finish('failed', ARGV[10], attempt)
        end
        attempt = attempt + 1
        redis.call('HSET', KEYS[3], 'status', 'running', 'attempt', attempt, 'batch', 0, 'worker', ARGV[5])
        redis.call('HSETNX', KEYS[3], 'started_at', now())
        local discard_from = attempt > 1 and tonumber(run[7]) + 1 or 0
        local started = ARGV[9] .. attempt_field(attempt) .. run_field('running', discard_from)
        local seq = append(KEYS[1], KEYS[2], live, { started })
        redis.call('HSET', KEYS[3], 'recorded_seq', seq)
        return { 'ok', attempt, run[5], run[6], redis.call('LRANGE', KEYS[5], 0, -1), redis.call('LRANGE', KEYS[4], 0, -1),
            redis.call('GET', KEYS[6]) }
        """#
    )

    /// A worker's events, and what it has completed. KEYS metadata, stream, run, journal, memory. ARGV attempt, batch, live channel,
    /// memory (empty: as it was), how many events, the events, the journal's entries.
    ///
    /// `batch` counts a worker's writes: one that comes again because its reply was lost is not written again.
    static let write = Prelude.script(
        "write",
        #"""
        local run = redis.call('HMGET', KEYS[3], 'status', 'attempt', 'batch')
        if run[2] ~= ARGV[1] or (run[1] ~= 'running' and run[1] ~= 'cancelling') then return { 'stale' } end
        if tonumber(ARGV[2]) <= tonumber(run[3]) then return { 'ok', run[1] } end
        local events = {}
        for i = 6, 5 + ARGV[5] do events[#events + 1] = ARGV[i] end
        local seq = append(KEYS[1], KEYS[2], ARGV[3], events)
        redis.call('HSET', KEYS[3], 'batch', ARGV[2])
        for i = 6 + ARGV[5], #ARGV do redis.call('RPUSH', KEYS[4], ARGV[i]) end
        if #ARGV > 5 + ARGV[5] then redis.call('HSET', KEYS[3], 'recorded_seq', seq) end
        if ARGV[4] ~= '' then redis.call('SET', KEYS[5], ARGV[4]) end
        return { 'ok', run[1] }
        """#
    )

    /// The terminal transition, by the worker. KEYS metadata, stream, run, journal, messages, memory, pending, queue. ARGV thread id,
    /// attempt, live channel, group, what run keys begin with, memory (empty: as it was), how many fields, how many events, then
    /// the fields of the run (name, value), the events (the last one is the terminal one), the messages for the conversation.
    static let finish = Prelude.script(
        "finish",
        #"""
        local run = redis.call('HMGET', KEYS[3], 'status', 'attempt')
        if run[2] ~= ARGV[2] then return { 'stale' } end
        if terminal[run[1]] then return { 'ok' } end
        if run[1] ~= 'running' and run[1] ~= 'cancelling' then return { 'stale' } end
        local fields, events, at = {}, {}, 9
        for i = 1, ARGV[7] * 2 do fields[i] = ARGV[at] at = at + 1 end
        for i = 1, ARGV[8] do events[i] = ARGV[at] at = at + 1 end
        while at <= #ARGV do
            redis.call('RPUSH', KEYS[5], ARGV[at])
            at = at + 1
        end
        dequeue(KEYS[8], ARGV[4], KEYS[3])
        local _, final = append(KEYS[1], KEYS[2], ARGV[3], events)
        redis.call('HSET', KEYS[3], 'ended_at', now(), 'final_id', final, unpack(fields))
        for _, name in ipairs({ 'input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_write_tokens' }) do
            redis.call('HINCRBY', KEYS[1], name, redis.call('HGET', KEYS[3], name) or 0)
        end
        redis.call('DEL', KEYS[4])
        if ARGV[6] ~= '' then redis.call('SET', KEYS[6], ARGV[6]) end
        promote(KEYS[8], KEYS[1], KEYS[7], ARGV[5], ARGV[1])
        return { 'ok' }
        """#
    )

    /// A worker that stops hands a run back; the next attempt goes on from the journal. KEYS metadata, stream, run, queue. ARGV thread
    /// id, run id, attempt, live channel, group, event `run_queued`.
    static let release = Prelude.script(
        "release",
        #"""
        local run = redis.call('HMGET', KEYS[3], 'status', 'attempt')
        if run[2] ~= ARGV[3] or run[1] ~= 'running' then return { 'stale' } end
        dequeue(KEYS[4], ARGV[5], KEYS[3])
        redis.call('HSET', KEYS[3], 'status', 'queued')
        enqueue(KEYS[4], KEYS[1], KEYS[3], ARGV[1], ARGV[2])
        append(KEYS[1], KEYS[2], ARGV[4], { ARGV[6] })
        return { 'ok' }
        """#
    )

    /// KEYS metadata, stream, run, pending, queue. ARGV thread id, run id, live channel, control channel, group, what run keys begin with,
    /// events `run_cancelled` and `run_cancelling`.
    static let cancel = Prelude.script(
        "cancel",
        #"""
        local run = redis.call('HMGET', KEYS[3], 'status', 'attempt')
        if not run[1] then return { 'missing' } end
        if run[1] == 'queued' then
            local attempt = tonumber(run[2])
            local is_active = redis.call('HGET', KEYS[1], 'active') == ARGV[2]
            redis.call('LREM', KEYS[4], 0, ARGV[2])
            dequeue(KEYS[5], ARGV[5], KEYS[3])
            local _, final = append(KEYS[1], KEYS[2], ARGV[3], { ARGV[7] .. attempt_field(attempt) })
            redis.call('HSET', KEYS[3], 'status', 'cancelled', 'reason', 'user', 'ended_at', now(), 'final_id', final)
            redis.call('DEL', KEYS[3] .. ':journal')
            if is_active then promote(KEYS[5], KEYS[1], KEYS[4], ARGV[6], ARGV[1]) end
        elseif run[1] == 'running' then
            redis.call('HSET', KEYS[3], 'status', 'cancelling')
            append(KEYS[1], KEYS[2], ARGV[3], { ARGV[8] .. attempt_field(tonumber(run[2])) })
            redis.call('PUBLISH', ARGV[4], ARGV[1] .. ' ' .. ARGV[2])
        end
        return { 'ok' }
        """#
    )

    /// Renews the leases of a worker: a queue entry's idle time is the age of its lease. KEYS queue. ARGV group, consumer, entries.
    /// Answers the entries that are another worker's by now.
    static let renew = Prelude.script(
        "renew",
        #"""
        local lost = {}
        for i = 3, #ARGV do
            local held = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])
            if #held == 1 then
                redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
            else
                lost[#lost + 1] = ARGV[i]
            end
        end
        return lost
        """#
    )
}
