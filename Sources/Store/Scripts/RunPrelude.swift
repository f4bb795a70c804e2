internal import Redis

/// Lua that the scripts about a thread's runs share.
///
/// All of them begin alike: KEYS the thread's, see ``Keys/scriptKeys(_:)``; ARGV thread id, run id. They touch the keys of one thread and
/// nothing else, but for ``RunScripts/execute`` and ``WorkerScripts/finish`` where there is no cluster; what the queue has to learn of it is
/// in their answer, as a list of four: when the run is to be looked at again (milliseconds since 1970, or empty), the id and the tenant of a
/// run that is to be put into the queue (or empty), whether the run was given up (`1`, or empty). Behind it come the ids of runs that have
/// something to tell a webhook, see ``WebhookScripts``.
///
/// What depends on the state that a script finds of a run's lifecycle events is put together here: fields of Event and RunUpdate
/// by their numbers in event.proto.
enum RunPrelude {
    /// - Parameter branches: see ``LuaLibrary/link(_:_:)``.
    static func script(
        _ name: String,
        _ source: String,
        _ branches: KeyValuePairs<String, String> = [:]
    ) -> RedisScript {
        RedisScript(name: name, source: names + library.link(source, branches))
    }

    private static let library = Prelude.library + LuaLibrary(WebhookScripts.outbox + shared)

    private static let names = #"""
        local call = redis.call
        local metadata, thread_id, run_id = KEYS[1], ARGV[1], ARGV[2]
        local thread = metadata:sub(1, -#'metadata' - 1)
        local stream, runs = thread .. 'stream', thread .. 'run:'

        """#

    private static let shared = #"""
        local terminal = { completed = true, failed = true, cancelled = true, timed_out = true, expired = true }
        local tokens = { 'input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_write_tokens' }

        local function field(tag, bytes)
            if not bytes or bytes == '' then return '' end
            return tag .. varint(#bytes) .. bytes
        end

        -- An event of a run with a RunUpdate as its payload.
        local function lifecycle(id, attempt, type, update, is_final)
            local failure = update.code and field('\10', update.code) .. field('\18', update.message)
            local payload = field('\10', update.status) .. field('\26', update.reason) .. field('\34', failure)
                .. field('\50', update.task) .. field('\58', update.model) .. field('\66', update.question)
            if (update.discard_from or 0) > 0 then payload = payload .. '\16' .. varint(update.discard_from) end
            local bytes = field('\26', thread_id) .. field('\34', id) .. field('\50', type) .. '\56' .. varint(tonumber(now()))
                .. field('\242\1', payload)
            if tonumber(attempt) > 0 then bytes = bytes .. '\40' .. varint(tonumber(attempt)) end
            if is_final then bytes = bytes .. '\64\1' end
            return bytes
        end

        -- The thread's numbers with those of a run that ends (by name), as fields of the thread's hash.
        local function totals(used)
            local sums, fields = call('HMGET', metadata, 'seq', unpack(tokens)), {}
            seq = sums[1]
            for i, name in ipairs(tokens) do
                if (used[name] or '0') ~= '0' then
                    fields[#fields + 1], fields[#fields + 2] = name, (sums[i + 1] or 0) + used[name]
                end
            end
            return unpack(fields)
        end

        -- The end of a run to its record. Events come before. `count`: messages of the conversation, if that is known.
        local function close(id, final, status, fields, webhook, count)
            call('HSET', runs .. id, 'status', status, 'ended_at', time_of(final), 'final_id', final,
                'messages', count or call('LLEN', thread .. 'messages'), unpack(fields))
            if webhook then tell(id, webhook, 'run_' .. status, final) end
        end

        -- What a run keeps only until it is over.
        local function clear(id)
            local run = runs .. id
            call('DEL', run .. ':journal', run .. ':inputs', run .. ':closing', run .. ':answers', run .. ':memory')
        end

        -- The terminal transition of a run that no worker holds (any more). `update`: reason, or code and message.
        local function conclude(id, status, update)
            update.status = status
            local run, used = call('HMGET', runs .. id, 'attempt', 'webhook', unpack(tokens)), {}
            for i, name in ipairs(tokens) do used[name] = run[i + 2] end
            local _, final = append({ lifecycle(id, run[1], 'run_' .. status, update, true) }, totals(used))
            local fields = {}
            if update.reason then fields = { 'reason', update.reason } end
            if update.code then fields = { 'error_code', update.code, 'error_message', update.message } end
            close(id, final, status, fields, run[2])
            clear(id)
        end

        -- What the agent has kept becomes the thread's with the end of its run.
        local function keep_memory(id)
            local own = call('GET', runs .. id .. ':memory')
            if own then call('SET', thread .. 'memory', own) end
        end

        -- A run that goes no further leaves its memory, and one that was paused had told what the conversation would gain then.
        local function keep(id)
            if call('HEXISTS', runs .. id, 'rollback') == 1 then return end
            keep_memory(id)
            for _, message in ipairs(call('LRANGE', runs .. id .. ':closing', 0, -1)) do
                call('RPUSH', thread .. 'messages', message)
            end
        end

        -- The conversation gains nothing by a run that is rolled back; this says so.
        local function roll_back(id)
            local run = call('HMGET', runs .. id, 'rollback', 'attempt')
            if not run[1] then return end
            append({ lifecycle(id, run[2], 'thread_rolled_back', { reason = 'rollback' }) })
        end

        -- The active run is over: the next one that waits gets its turn. Returns its id and tenant, or two empty strings.
        local function promote()
            local id = call('LPOP', thread .. 'pending')
            if not id then
                call('HDEL', metadata, 'active')
                return '', ''
            end
            call('HSET', metadata, 'active', id)
            return id, call('HGET', runs .. id, 'tenant')
        end

        -- The thread's active run if it should be in the queue: what was to put it there may be lost.
        local function queued()
            local active = call('HGET', metadata, 'active')
            if not active then return '', '' end
            local run = call('HMGET', runs .. active, 'status', 'tenant')
            if run[1] ~= 'queued' then return '', '' end
            return active, run[2]
        end

        -- Appends to a list what a script was given, from one of its arguments on. Returns how many it has then, if there was something.
        local function push_arguments(list, first)
            local count
            for i = first, #ARGV, 1000 do count = call('RPUSH', list, unpack(ARGV, i, math.min(i + 999, #ARGV))) end
            return count
        end

        local function slice(first, last)
            local slice = {}
            for i = first, last do slice[#slice + 1] = ARGV[i] end
            return slice
        end

        -- The fields (name, value) and the events that a script was given, from one of its arguments on, and the place behind them.
        local function arguments(first, field_count, event_count)
            local events = first + field_count * 2
            local rest = events + event_count
            return slice(first, events - 1), slice(events, rest - 1), rest
        end

        -- The run as an attempt finds it: whether it is that attempt's, and still in its hands. A script that holds another attempt's
        -- word changes nothing.
        local function run_of(attempt)
            local run = call('HMGET', runs .. run_id, 'status', 'attempt', 'webhook', 'rollback', 'batch', 'inputs')
            local is_ours = run[2] == attempt
            local inputs = run[6] or call('LLEN', runs .. run_id .. ':inputs')
            return {
                status = run[1], is_ours = is_ours, is_held = is_ours and (run[1] == 'running' or run[1] == 'cancelling'),
                webhook = run[3], rolls_back = run[4], batch = tonumber(run[5] or 0), inputs = tonumber(inputs),
            }
        end

        """#
}
