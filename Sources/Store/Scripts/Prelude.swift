internal import Redis

/// Lua that several scripts share, put before each of them.
///
/// Conventions: a script answers an array whose first element is a word for the outcome. Keys come in KEYS only, numbers are written
/// with `%d` because Lua would write large ones in exponents. Events arrive serialized without id and without number; the script
/// appends the number (field 2 of Event) to the bytes, as fields of a protobuf message may come in any order and the last one counts.
enum Prelude {
    static func script(_ name: String, _ source: String) -> RedisScript {
        RedisScript(name: name, source: shared + source)
    }

    private static let shared = #"""
        local function now()
            local time = redis.call('TIME')
            return string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
        end

        local function varint(n)
            local bytes = ''
            while n >= 128 do
                bytes = bytes .. string.char(n % 128 + 128)
                n = math.floor(n / 128)
            end
            return bytes .. string.char(n)
        end

        -- Fields to append to an event: attempt (5), and as the payload run (30) with status (1) and discard_from_seq (2).
        local function attempt_field(attempt)
            return '\40' .. varint(attempt)
        end
        local function run_field(status, discard_from)
            local update = '\10' .. varint(#status) .. status
            if discard_from > 0 then update = update .. '\16' .. varint(discard_from) end
            return '\242\1' .. varint(#update) .. update
        end

        -- Appends events to a thread's log and announces them; gives each its number. Returns the number of the last one.
        local function append(metadata, stream, live, events)
            if #events == 0 then return tonumber(redis.call('HGET', metadata, 'seq')) end
            local last = redis.call('HINCRBY', metadata, 'seq', #events)
            local announced, id = {}, nil
            for i, event in ipairs(events) do
                local stored = event .. '\16' .. varint(last - #events + i)
                id = redis.call('XADD', stream, '*', 'e', stored)
                announced[i] = struct.pack('>Hc0Ic0', #id, id, #stored, stored)
            end
            redis.call('HSET', metadata, 'last_id', id, 'updated_at', now())
            redis.call('PUBLISH', live, table.concat(announced))
            return last, id
        end

        -- Takes a run off the worker queue.
        local function dequeue(queue, group, run)
            local entry = redis.call('HGET', run, 'entry')
            if entry and entry ~= '' then
                redis.call('XACK', queue, group, entry)
                redis.call('XDEL', queue, entry)
                redis.call('HDEL', run, 'entry')
            end
        end

        -- Puts a run on the worker queue and makes it the thread's active one.
        local function enqueue(queue, metadata, run, thread_id, run_id)
            local entry = redis.call('XADD', queue, '*', 't', thread_id, 'r', run_id)
            redis.call('HSET', run, 'entry', entry)
            redis.call('HSET', metadata, 'active', run_id)
        end

        -- After the terminal transition of the active run: the next one that waits gets its turn. `runs` is what the keys of the
        -- thread's runs begin with.
        local function promote(queue, metadata, pending, runs, thread_id)
            redis.call('HDEL', metadata, 'active')
            local next_id = redis.call('LPOP', pending)
            if next_id then enqueue(queue, metadata, runs .. next_id, thread_id, next_id) end
        end

        local terminal = { completed = true, failed = true, cancelled = true, timed_out = true, expired = true }

        """#
}
