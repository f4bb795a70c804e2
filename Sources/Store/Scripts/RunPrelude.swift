internal import Redis

/// Lua that the scripts about a thread's runs share.
///
/// All of them begin alike: KEYS metadata, stream, runs, pending, messages, memory; ARGV thread id, live channel, what the keys of
/// the thread's runs begin with, run id. They touch the keys of one thread and nothing else; what the queue has to learn of it is in
/// their answer, as a list of four: when the run is to be looked at again (milliseconds since 1970, or empty), the id and the tenant
/// of a run that is to be put into the queue (or empty), whether the run was given up (`1`, or empty). Behind it come the ids of runs
/// that have something to tell a webhook, see ``WebhookScripts``.
///
/// A run's lifecycle events are put together here, because only the script knows the state it finds: fields of Event and RunUpdate
/// by their numbers in event.proto.
enum RunPrelude {
    static func script(_ name: String, _ source: String) -> RedisScript {
        Prelude.script(name, names + WebhookScripts.outbox + shared + source)
    }

    private static let names = #"""
        local call = redis.call
        local metadata, stream, pending, messages, memory = KEYS[1], KEYS[2], KEYS[4], KEYS[5], KEYS[6]
        local thread_id, live, runs, run_id = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

        """#

    private static let shared = #"""
        local terminal = { completed = true, failed = true, cancelled = true, timed_out = true, expired = true }

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

        -- What a run leaves behind when it is over, its numbers to the thread, and its end to the record. Events come before.
        local function close(id, final, status, fields)
            local run = runs .. id
            call('HSET', run, 'status', status, 'ended_at', now(), 'final_id', final,
                'messages', call('LLEN', messages), unpack(fields))
            local names = { 'input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_write_tokens', 'webhook' }
            local values = call('HMGET', run, unpack(names))
            for i = 1, 4 do
                if values[i] and values[i] ~= '0' then call('HINCRBY', metadata, names[i], values[i]) end
            end
            tell(id, values[5], 'run_' .. status, final)
            call('DEL', run .. ':journal', run .. ':inputs', run .. ':closing', run .. ':answers', run .. ':memory')
        end

        -- The terminal transition of a run that no worker holds (any more). `update`: reason, or code and message.
        local function conclude(id, status, update)
            update.status = status
            local attempt = call('HGET', runs .. id, 'attempt')
            local _, final = append(metadata, stream, live, { lifecycle(id, attempt, 'run_' .. status, update, true) })
            local fields = {}
            if update.reason then fields = { 'reason', update.reason } end
            if update.code then fields = { 'error_code', update.code, 'error_message', update.message } end
            close(id, final, status, fields)
        end

        -- What the agent has kept becomes the thread's with the end of its run.
        local function keep_memory(id)
            local own = call('GET', runs .. id .. ':memory')
            if own then call('SET', memory, own) end
        end

        -- A run that goes no further leaves its memory, and one that was paused had told what the conversation would gain then.
        local function keep(id)
            if call('HEXISTS', runs .. id, 'rollback') == 1 then return end
            keep_memory(id)
            for _, message in ipairs(call('LRANGE', runs .. id .. ':closing', 0, -1)) do call('RPUSH', messages, message) end
        end

        -- The conversation gains nothing by a run that is rolled back; this says so.
        local function roll_back(id)
            local run = call('HMGET', runs .. id, 'rollback', 'attempt')
            if not run[1] then return end
            append(metadata, stream, live, { lifecycle(id, run[2], 'thread_rolled_back', { reason = 'rollback' }) })
        end

        -- The active run is over: the next one that waits gets its turn. Returns its id and tenant, or two empty strings.
        local function promote()
            local id = call('LPOP', pending)
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

        -- Appends to a list what a script was given, from one of its arguments on.
        local function push_arguments(list, first)
            for i = first, #ARGV, 1000 do call('RPUSH', list, unpack(ARGV, i, math.min(i + 999, #ARGV))) end
        end

        -- The run as an attempt finds it: whether it is that attempt's, and still in its hands. A script that holds another attempt's
        -- word changes nothing.
        local function run_of(attempt)
            local run = call('HMGET', runs .. run_id, 'status', 'attempt', 'webhook', 'rollback', 'batch')
            local is_ours = run[2] == attempt
            return {
                status = run[1], is_ours = is_ours, is_held = is_ours and (run[1] == 'running' or run[1] == 'cancelling'),
                webhook = run[3], rolls_back = run[4], batch = tonumber(run[5]),
            }
        end

        """#
}
