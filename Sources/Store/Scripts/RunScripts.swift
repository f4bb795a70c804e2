internal import Redis

/// What clients do with a thread's runs: each is one compare-and-set with the events that tell of it. See ``RunPrelude`` for the first
/// keys and arguments.
enum RunScripts {
    /// Accepts a run. Further ARGV control channel, tenant, task, model, what to do while a run is active (empty: as the thread has it),
    /// how many may wait (runs, and what was said to a run), the key of what the request under its idempotency key came to and the
    /// request's fingerprint (empty without one), seconds to keep it, milliseconds it may wait (0: for ever), the run that this one
    /// repeats (or empty), its webhook, the webhook of runs whose thread has none either (each or empty), whether a webhook is expected
    /// (`1`, or empty), the event `run_queued`; then the lease of a worker that takes the run up at once if its turn has come (empty: the
    /// queue does), its length in milliseconds, and the event that tells of the first attempt.
    /// Answers `expect` where the thread's webhook is not.
    ///
    /// Where there is no cluster, further KEYS leases, due, ready list of its tenant, ring, wake: then the queue learns of the run here. With a
    /// lease the answer is `started` instead of `ok`, and the conversation and the memory come behind it.
    static let execute = RunPrelude.script(
        "execute",
        #"""
        local leases, due, ready, ring, wake = unpack(KEYS, 2)
        local tenant, task, model, on_busy, limit, key, request, seconds, patience, retry_of, own_webhook, fallback, is_expected,
            queued_event, lease, lease_length, started_event = unpack(ARGV, 4)
        local state = call('HMGET', metadata, 'created_at', 'webhook', 'active', 'last_id', 'seq', 'run_count')
        if not state[1] then return { 'missing' } end
        if request ~= '' then
            local known = call('GET', key)
            if known then
                if known:sub(1, 64) == request then return { 'replayed', known:sub(65) } end
                return { 'mismatch' }
            end
        end
        local function remember(id)
            if request ~= '' then call('SET', key, request .. id, 'EX', seconds) end
        end

        local webhook = own_webhook ~= '' and own_webhook or state[2] or fallback
        if webhook ~= '' and is_expected == '' then return { 'expect' } end
        local active, cursor = state[3], state[4]
        limit, seq = tonumber(limit), state[5]
        if active then
            --[[busy]]
        end
        local waiting = active and call('LLEN', thread .. 'pending') or 0
        if waiting >= limit then return { 'full' } end
        remember(run_id)
        local run, time = runs .. run_id, now()
        local is_started = lease ~= '' and not active
        local last = append({ queued_event, is_started and started_event or nil }, 'run_count', state[6] + 1, 'active', active or run_id)
        call('HSET', run, 'status', is_started and 'running' or 'queued', 'task', task, 'model', model, 'tenant', tenant,
            'attempt', is_started and '1' or '0', 'inputs', '0', 'created_at', time, 'cursor', cursor,
            unpack(is_started and { 'worker', lease, 'recorded_seq', last, 'started_at', time } or {}))
        if patience ~= '0' then
            local start_by = string.format('%d', time + patience)
            call('HSET', run, 'start_by', start_by)
            if wake and not is_started then
                call('ZADD', due, start_by, table.concat({ 'run', thread_id, run_id, tenant }, ' '))
            end
        end
        if active then call('HSET', run, 'ahead', waiting + 1) end
        if retry_of ~= '' then call('HSET', run, 'retry_of', retry_of) end
        if webhook ~= '' then call('HSET', run, 'webhook', webhook) end
        call('RPUSH', thread .. 'runs', run_id)
        if is_started then
            call('ZADD', leases, string.format('%d', time + lease_length), table.concat({ lease, thread_id, run_id, tenant }, ' '))
            return { 'started', run_id, told, call('LRANGE', thread .. 'messages', 0, -1), call('GET', thread .. 'memory') }
        end
        if active then
            call('RPUSH', thread .. 'pending', run_id)
            return { 'waiting', run_id, told }
        end
        if wake then
            --[[queue]]
        end
        return { 'ok', run_id, told }
        """#,
        [
            "busy": stop + #"""
                if on_busy == '' then on_busy = default_on_busy() end
                if on_busy == 'reject' then return { 'busy', active } end
                if on_busy == 'steer' then
                    local outcome = steer(active, task, limit)
                    if outcome == 'steered' then remember(active) end
                    if outcome then return { outcome, active } end
                end
                if on_busy == 'interrupt' or on_busy == 'rollback' then
                    supersede(active, on_busy)
                    active, cursor = unpack(call('HMGET', metadata, 'active', 'last_id'))
                end
                """#,
            "queue": QueueScripts.putting + "push(ready, ring, wake, tenant, thread_id .. ' ' .. run_id, time)",
        ]
    )

    /// Ends a run that no worker holds, asks the worker of one that is running to stop. Further ARGV control channel. Answers what follows
    /// for the queue.
    static let cancel = RunPrelude.script(
        "cancel",
        stop + #"""
            local status = call('HGET', runs .. run_id, 'status')
            if not status then return { 'missing' } end
            call('LREM', thread .. 'pending', 0, run_id)
            stop(run_id, 'user')
            local next_id, next_tenant = '', ''
            -- The cancel that ended it may not have come to put the next one into the queue.
            if terminal[status] then next_id, next_tenant = queued() end
            if terminal[call('HGET', runs .. run_id, 'status')] and call('HGET', metadata, 'active') == run_id then
                next_id, next_tenant = promote()
            end
            return { 'ok', '', next_id, next_tenant, '', told }
            """#
    )

    /// Answers what a run asks; it goes back to the queue. Further ARGV id of the question (empty: the one that is open), the answer.
    static let answer = RunPrelude.script(
        "answer",
        #"""
        local run_key, question_id, text = runs .. run_id, ARGV[3], ARGV[4]
        local run = call('HMGET', run_key, 'status', 'question_id', 'paused_at', 'attempt', 'expires_at')
        if not run[1] then return { 'missing' } end
        if question_id ~= '' and call('HGET', run_key .. ':answers', question_id) == text then return { 'ok' } end
        local time = tonumber(now())
        if run[1] ~= 'requires_action' or time >= tonumber(run[5]) then return { 'asks_nothing', run[1] } end
        if question_id ~= '' and question_id ~= run[2] then return { 'asks_other', run[2] } end
        call('HSET', run_key .. ':answers', run[2], text)
        call('HINCRBY', run_key, 'paused_ms', string.format('%d', time - run[3]))
        local recorded = append({ lifecycle(run_id, run[4], 'run_answered', { status = 'queued', task = text }) })
        call('HSET', run_key, 'status', 'queued', 'recorded_seq', recorded)
        call('HDEL', run_key, 'question', 'question_id', 'paused_at', 'expires_at')
        call('DEL', run_key .. ':closing')
        return { 'ok' }
        """#
    )

    /// Ways to stop and to steer runs; ARGV[3] is the control channel.
    private static let stop = #"""
        -- Asks a run to stop, or ends it where no worker holds it. What waits for it is the caller's business.
        local function stop(id, reason)
            local run = runs .. id
            local state = call('HMGET', run, 'status', 'attempt')
            if terminal[state[1]] then return end
            if reason == 'rollback' then call('HSET', run, 'rollback', 1) end
            if state[1] == 'running' then
                call('HSET', run, 'status', 'cancelling', 'reason', reason)
                append({ lifecycle(id, state[2], 'run_cancelling', { status = 'cancelling', reason = reason }) })
                call('PUBLISH', ARGV[3], thread_id .. ' ' .. id .. ' ' .. reason)
            elseif state[1] ~= 'cancelling' then
                keep(id)
                conclude(id, 'cancelled', { reason = reason })
                roll_back(id)
            end
        end

        -- Another run is to take the place of all that there are: those that wait end, the active one is asked to.
        local function supersede(active, on_busy)
            local pending = thread .. 'pending'
            for _, id in ipairs(call('LRANGE', pending, 0, -1)) do conclude(id, 'cancelled', { reason = 'superseded' }) end
            call('DEL', pending)
            stop(active, on_busy == 'rollback' and 'rollback' or 'superseded')
            if terminal[call('HGET', runs .. active, 'status')] then call('HDEL', metadata, 'active') end
        end

        -- Gives a run that goes on something more to do. Returns the outcome: nil when the run is about to end.
        local function steer(id, task, limit)
            local run = runs .. id
            local state = call('HMGET', run, 'status', 'attempt', 'inputs')
            if tonumber(state[3] or call('LLEN', run .. ':inputs')) >= limit then return 'full' end
            if state[1] == 'cancelling' then return nil end
            call('HSET', run, 'inputs', call('RPUSH', run .. ':inputs', task))
            append({ lifecycle(id, state[2], 'run_steered', { status = state[1], task = task }) })
            return 'steered'
        end

        -- What the thread's own configuration says of a second run.
        local function default_on_busy()
            local given = call('HGET', metadata, 'metadata')
            if not given or not given:find('"on_busy"', 1, true) then return 'enqueue' end
            return cjson.decode(given).on_busy or 'enqueue'
        end

        """#
}
