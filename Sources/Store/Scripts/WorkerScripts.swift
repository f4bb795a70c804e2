internal import Redis

/// What workers do with a thread's runs: each is one compare-and-set with the events that tell of it. See ``RunPrelude`` for the first
/// keys and arguments, and for what follows for the queue.
enum WorkerScripts {
    /// A worker takes a run up, or a sweeper looks what is to become of it. Further ARGV the worker's lease (empty for a sweeper), the
    /// lease that was lost (empty where none was), how many workers a run may lose, whether this counts as one (`1`, `0`).
    ///
    /// Answers `ok` and the run, or `none` and what follows: the run is not to be carried out now. `held`, a lease and the run's tenant: the
    /// run is in the hands of that one, not of the one that was lost; whether it is lost too is not known here. A lease claims a run once: when it comes
    /// again, because the answer was lost, the answer is the same.
    static let claim = RunPrelude.script(
        "claim",
        #"""
        local lease, lost, max_losses, was_lost = unpack(ARGV, 3)
        local run_key = runs .. run_id
        local run = call('HMGET', run_key, 'status', 'attempt', 'losses', 'recorded_seq', 'tenant', 'start_by', 'retry_at', 'expires_at',
            'reason', 'gave_up', 'worker', 'task', 'model', 'failures', 'started_at', 'paused_ms', 'inputs')
        local status, time = run[1], tonumber(now())
        local state = call('HMGET', metadata, 'active', 'seq')
        local is_active = state[1] == run_id
        seq = state[2]
        local function none(again, id, tenant, gave_up)
            return { 'none', again or '', id or '', tenant or '', gave_up or '', told }
        end
        -- A first attempt finds nothing that an earlier one has left.
        local function given(attempt)
            local journal, answers, inputs, own_memory = {}, {}, {}, false
            if attempt > 1 then
                journal, answers = call('LRANGE', run_key .. ':journal', 0, -1), call('HGETALL', run_key .. ':answers')
                own_memory = call('GET', run_key .. ':memory')
            end
            if run[17] ~= '0' then inputs = call('LRANGE', run_key .. ':inputs', 0, -1) end
            return {
                'ok', attempt, run[12], run[13], run[14], time - (run[15] or time) - (run[16] or 0),
                call('LRANGE', thread .. 'messages', 0, -1), journal, own_memory or call('GET', thread .. 'memory'), inputs, answers,
            }
        end
        local function ended(outcome, update)
            keep(run_id)
            conclude(run_id, outcome, update)
            roll_back(run_id)
            if is_active then return none('', promote()) end
            call('LREM', thread .. 'pending', 0, run_id)
            return none()
        end

        -- Whoever was to put the next run into the queue may be gone. Only he who has the lease of one that gave this run up knows that
        -- it is not among the dead letters, rather than no longer.
        if not status or terminal[status] then
            local id, tenant = queued()
            -- One that is not there yet may be on its way: what puts it into the queue can overtake what accepts it.
            local again = not status and lease ~= '' and string.format('%d', time + 5000) or ''
            return none(again, id, tenant, lost ~= '' and run[10])
        end
        if status == 'queued' then
            if run[6] and time >= tonumber(run[6]) and run[2] == '0' then
                return ended('timed_out', { code = 'queue_limit', message = 'the run waited too long for a worker' })
            end
            if not is_active then return none(run[6], queued()) end
            if run[7] and time < tonumber(run[7]) then return none(run[7]) end
            -- Its time limit is for the first attempt alone.
            if lease == '' then return none(run[2] == '0' and run[6], run_id, run[5]) end
        elseif status == 'requires_action' then
            if time < tonumber(run[8]) then return none(run[8]) end
            return ended('expired', { code = 'action_limit', message = 'nobody answered in time' })
        elseif lease ~= '' and run[11] == lease then
            return given(tonumber(run[2]))
        elseif (run[11] or '-') ~= lost then
            return { 'held', run[11] or '-', run[5] }
        elseif status == 'cancelling' then
            return ended('cancelled', { reason = run[9] })
        elseif was_lost == '1' then
            local losses = call('HINCRBY', run_key, 'losses', 1)
            if losses >= tonumber(max_losses) then
                call('HSET', run_key, 'gave_up', 1)
                local update = { code = 'max_attempts', message = 'the run lost its worker ' .. losses .. ' times' }
                local result = ended('failed', update)
                result[5] = '1'
                return result
            end
        end

        local attempt = run[2] + 1
        local update = { status = 'running', discard_from = attempt > 1 and run[4] and run[4] + 1 or 0 }
        local recorded = append({ lifecycle(run_id, attempt, 'run_attempt_started', update) })
        call('HSET', run_key, 'status', 'running', 'attempt', attempt, 'batch', 0, 'worker', lease, 'recorded_seq', recorded,
            'started_at', run[15] or now())
        if run[7] then call('HDEL', run_key, 'retry_at') end
        return given(attempt)
        """#
    )

    /// A worker's events, and what it has completed. Further ARGV attempt, batch, how many inputs it has, memory (empty: as it was), how many
    /// events, the events, the journal's entries. Answers the state, and the inputs that came since.
    ///
    /// `batch` counts a worker's writes: one that comes again because its reply was lost is not written again. The journal comes first:
    /// should the script fail between the two, nobody has been told of what is not recorded.
    static let write = RunPrelude.script(
        "write",
        #"""
        local attempt, batch, heard, own_memory, event_count = unpack(ARGV, 3, 7)
        local run_key, run = runs .. run_id, run_of(attempt)
        if not run.is_held then return { 'stale' } end
        if tonumber(batch) > run.batch then
            local events = slice(8, 7 + event_count)
            local is_recorded = push_arguments(run_key .. ':journal', 8 + event_count)
            local last = append(events)
            if is_recorded then
                call('HSET', run_key, 'batch', batch, 'recorded_seq', last)
            else
                call('HSET', run_key, 'batch', batch)
            end
            if own_memory ~= '' then call('SET', run_key .. ':memory', own_memory) end
        end
        if run.inputs <= tonumber(heard) then return { 'ok', {} } end
        return { 'ok', call('LRANGE', run_key .. ':inputs', heard, -1) }
        """#
    )

    /// The terminal transition, by the worker. Further ARGV attempt, memory (empty: as it was), how many inputs were heeded, how many fields,
    /// how many events, the state in which it ends, the worker's holding of the run, when its thread is to be swept, then the fields of the run (name, value), the
    /// events (the last one is the terminal one), the messages for the conversation. Answers `more` where an input came that was not
    /// heeded: then the run goes on.
    ///
    /// Where there is no cluster, further KEYS leases, sweep: if nothing follows for the queue but that the lease is over, that is
    /// done here, and the answer is `settled`.
    static let finish = RunPrelude.script(
        "finish",
        #"""
        local leases, sweep = unpack(KEYS, 2)
        local attempt, own_memory, heeded, field_count, event_count, outcome, holding, sweep_at = unpack(ARGV, 3, 10)
        local run = run_of(attempt)
        if run.is_ours and terminal[run.status] then
            --[[again]]
        end
        if not run.is_held then return { 'stale' } end
        local fields, events, at = arguments(11, field_count, event_count)
        local value = {}
        for i = 1, #fields, 2 do value[fields[i]] = fields[i + 1] end
        if outcome == 'completed' and run.status == 'running' and run.inputs > tonumber(heeded) then return { 'more' } end
        local _, final = append(events, totals(value))
        -- A first attempt that has written nothing before, and was told nothing, has left nothing.
        local has_left = attempt ~= '1' or run.batch > 0 or run.inputs > 0
        local count
        if not run.rolls_back then
            if own_memory ~= '' then
                call('SET', thread .. 'memory', own_memory)
            elseif has_left then
                keep_memory(run_id)
            end
            count = push_arguments(thread .. 'messages', at)
        end
        close(run_id, final, outcome, fields, run.webhook, count)
        if has_left then clear(run_id) end
        if run.rolls_back then
            --[[rolled back]]
        end
        local next_id, next_tenant = promote()
        local gave_up = outcome == 'failed' and call('HGET', runs .. run_id, 'gave_up') or ''
        if sweep and next_id == '' and gave_up == '' and told == '' then
            call('ZREM', leases, holding)
            call('ZADD', sweep, 'LT', sweep_at, thread_id)
            return { 'settled' }
        end
        return { 'ok', '', next_id, next_tenant, gave_up, told }
        """#,
        [
            "again": #"""
            local id, tenant = queued()
            return { 'ok', '', id, tenant, call('HGET', runs .. run_id, 'gave_up') or '' }
            """#,
            "rolled back": "roll_back(run_id)",
        ]
    )

    /// The worker puts the run out of its hands before it is over. Further ARGV attempt, reason, milliseconds until it is to go on, how
    /// often it may fail (0: it has not failed), code and message of the failure, how many events, the events, the journal's entries.
    ///
    /// Answers what follows for the queue, or `exhausted` where it may not fail any more, `cancelling` and the reason
    /// where it is to end instead.
    static let requeue = RunPrelude.script(
        "requeue",
        #"""
        local attempt, reason, delay, max_failures, code, message, event_count = unpack(ARGV, 3, 9)
        local run_key, run = runs .. run_id, run_of(attempt)
        if run.is_ours and run.status == 'queued' then return { 'ok', call('HGET', run_key, 'retry_at') or '', queued() } end
        if not run.is_held then return { 'stale' } end
        if run.status == 'cancelling' then return { 'cancelling', call('HGET', run_key, 'reason') } end
        if max_failures ~= '0' then
            local failures = (call('HGET', run_key, 'failures') or 0) + 1
            if failures >= tonumber(max_failures) then return { 'exhausted' } end
            call('HSET', run_key, 'failures', failures)
        end
        local events = slice(10, 9 + event_count)
        local update = { status = 'queued', reason = reason, code = code ~= '' and code or nil, message = message }
        events[#events + 1] = lifecycle(run_id, attempt, 'run_queued', update)
        local is_recorded = push_arguments(run_key .. ':journal', 10 + event_count)
        local last = append(events)
        if is_recorded then call('HSET', run_key, 'recorded_seq', last) end
        call('HSET', run_key, 'status', 'queued')
        if delay == '0' then return { 'ok', '', queued() } end
        local again = string.format('%d', now() + delay)
        call('HSET', run_key, 'retry_at', again)
        return { 'ok', again, '', '' }
        """#
    )

    /// The run asks something and waits for the answer without a worker. Further ARGV attempt, milliseconds it may wait, the question, its id,
    /// how many fields, how many events, then the fields of the run (name, value), the events, and the messages that the conversation
    /// gains if the run goes no further. Answers what follows for the queue, or `cancelling` and the reason where it is to end instead.
    static let pause = RunPrelude.script(
        "pause",
        #"""
        local attempt, limit, question, question_id, field_count, event_count = unpack(ARGV, 3, 8)
        local run_key, run = runs .. run_id, run_of(attempt)
        if run.is_ours and run.status == 'requires_action' then return { 'ok', call('HGET', run_key, 'expires_at') } end
        if not run.is_held then return { 'stale' } end
        if run.status == 'cancelling' then return { 'cancelling', call('HGET', run_key, 'reason') } end
        local fields, events, at = arguments(9, field_count, event_count)
        local update = { status = 'requires_action', question = question }
        events[#events + 1] = lifecycle(run_id, attempt, 'run_requires_action', update)
        local last, event = append(events)
        local time = now()
        local expires = string.format('%d', time + limit)
        call('HSET', run_key, 'status', 'requires_action', 'question', question, 'question_id', question_id, 'paused_at', time,
            'expires_at', expires, 'recorded_seq', last, unpack(fields))
        call('DEL', run_key .. ':closing')
        push_arguments(run_key .. ':closing', at)
        tell(run_id, run.webhook, 'run_requires_action', event)
        return { 'ok', expires, '', '', '', told }
        """#
    )
}
