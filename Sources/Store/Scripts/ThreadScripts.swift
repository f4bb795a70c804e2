internal import Redis

/// Scripts about threads as a whole.
enum ThreadScripts {
    /// Creates a thread. KEYS the thread's, see ``Keys/scriptKeys(_:)``. ARGV metadata JSON, first event, its runs' webhook (or empty), the
    /// key that tells that the thread has been deleted (empty where no idempotency key stands for it: then nobody can know its id yet).
    /// Answers `ok` and the id of the event, `replayed` (it was there) and the thread, or `deleted`. Nobody can have been watching.
    static let initiate = Prelude.script(
        "initiate",
        #"""
        local tombstone = ARGV[4]
        if tombstone ~= '' and redis.call('EXISTS', KEYS[1], tombstone) > 0 then
            local fields = redis.call('HGETALL', KEYS[1])
            if #fields == 0 then return { 'deleted' } end
            return { 'replayed', fields }
        end
        local id = redis.call('XADD', KEYS[1]:sub(1, -#'metadata' - 1) .. 'stream', '*', 'e', ARGV[2] .. '\16\1')
        local time, more = time_of(id), {}
        if tombstone ~= '' then more = { 'keyed', 1 } end
        if ARGV[3] ~= '' then more[#more + 1], more[#more + 2] = 'webhook', ARGV[3] end
        redis.call('HSET', KEYS[1], 'metadata', ARGV[1], 'created_at', time, 'updated_at', time, 'seq', 1, 'last_id', id, 'run_count', 0,
            unpack(more))
        return { 'ok', id }
        """#
    )

    /// KEYS metadata, stream, runs, pending, messages, memory, schedules, tombstone. ARGV live channel, what run keys begin with, the
    /// time since which nothing may have happened, with no schedule left (empty: whatever has), seconds to keep the tombstone.
    static let delete = Prelude.script(
        "delete",
        #"""
        if redis.call('EXISTS', KEYS[1]) == 0 then return { 'missing' } end
        local active = redis.call('HGET', KEYS[1], 'active')
        if active then return { 'busy', active } end
        if ARGV[3] ~= '' then
            local is_unchanged = redis.call('HGET', KEYS[1], 'updated_at') == ARGV[3]
            if not is_unchanged or redis.call('EXISTS', KEYS[7]) == 1 then return { 'busy', '' } end
        end
        for _, id in ipairs(redis.call('LRANGE', KEYS[3], 0, -1)) do
            redis.call('DEL', ARGV[2] .. id)
        end
        if redis.call('HEXISTS', KEYS[1], 'keyed') == 1 then redis.call('SET', KEYS[8], '1', 'EX', ARGV[4]) end
        redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7])
        redis.call('SPUBLISH', ARGV[1], '')
        return { 'ok' }
        """#
    )

    /// Changes what clients attach to a thread. KEYS the thread's, see ``Keys/scriptKeys(_:)``. ARGV version (0: any), event `thread_updated`,
    /// how many entries the metadata may have, how many of its names follow, the names each with its value (empty: to be removed), then
    /// fields of the thread each with its value.
    static let update = Prelude.script(
        "update",
        #"""
        if redis.call('EXISTS', KEYS[1]) == 0 then return { 'missing' } end
        local version = redis.call('HGET', KEYS[1], 'version') or '1'
        if ARGV[1] ~= '0' and ARGV[1] ~= version then return { 'stale', version } end
        local metadata, count = cjson.decode(redis.call('HGET', KEYS[1], 'metadata')), 0
        local fields = 5 + 2 * ARGV[4]
        for i = 5, fields - 1, 2 do metadata[ARGV[i]] = ARGV[i + 1] ~= '' and ARGV[i + 1] or nil end
        for _ in pairs(metadata) do count = count + 1 end
        if count > tonumber(ARGV[3]) then return { 'full' } end
        redis.call('HSET', KEYS[1], 'metadata', cjson.encode(metadata), 'version', string.format('%d', version + 1), unpack(ARGV, fields))
        append({ ARGV[2] })
        return { 'ok' }
        """#
    )

    /// Copies events into the log of a thread that is yet to be. KEYS stream. ARGV how many it has, seconds after which it is gone unless
    /// it has become one, the events. Answers the new ids.
    static let copy = Prelude.script(
        "copy",
        #"""
        local ids = {}
        for i = 3, #ARGV do
            ids[#ids + 1] = redis.call('XADD', KEYS[1], '*', 'e', ARGV[i] .. '\16' .. varint(ARGV[1] + i - 2))
        end
        redis.call('EXPIRE', KEYS[1], ARGV[2])
        return { 'ok', ids }
        """#
    )

    /// Makes a thread of what was copied. KEYS metadata, stream, runs, messages, memory. ARGV what run keys begin with, memory (or empty),
    /// the values of the metadata (field, value).
    static let adopt = Prelude.script(
        "adopt",
        #"""
        for i = 2, 4 do redis.call('PERSIST', KEYS[i]) end
        for _, id in ipairs(redis.call('LRANGE', KEYS[3], 0, -1)) do redis.call('PERSIST', ARGV[1] .. id) end
        redis.call('HSET', KEYS[1], unpack(ARGV, 3))
        if ARGV[2] ~= '' then redis.call('SET', KEYS[5], ARGV[2]) end
        return { 'ok' }
        """#
    )

    /// One page of a thread's log. KEYS metadata, stream. ARGV id to start after, how many events, how many bytes (an event that goes
    /// beyond is the last). Answers the end of the log, the last event that was trimmed (number, id), the number of the last one that
    /// is kept up to the id, and the events.
    static let page = Prelude.script(
        "page",
        #"""
        local thread = redis.call('HMGET', KEYS[1], 'seq', 'last_id', 'trimmed_seq', 'trimmed_id')
        if not thread[1] then return { 'missing' } end
        local cursor, count, bytes, page = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), {}
        local function read(from, limit) return redis.call('XRANGE', KEYS[2], from, '+', 'COUNT', limit) end
        -- The event at the cursor is read too, for its number: it is nearly always kept.
        local wanted, passed = math.min(count, 8), 0
        local entries = read(cursor, wanted + 1)
        if entries[1] and entries[1][1] == cursor then
            passed = seq_of(table.remove(entries, 1)[2][2])
        else
            entries[wanted + 1] = nil
            local before = cursor ~= '0-0' and redis.call('XREVRANGE', KEYS[2], cursor, '-', 'COUNT', 1)[1]
            if before then passed = seq_of(before[2][2]) end
        end
        while true do
            for _, entry in ipairs(entries) do
                if bytes > 0 then page[#page + 1], bytes = entry, bytes - #entry[2][2] end
            end
            if bytes <= 0 or #entries < wanted or #page == count or entries[wanted][1] == thread[2] then break end
            wanted = math.min(count - #page, 8)
            entries = read('(' .. entries[#entries][1], wanted)
        end
        return { 'ok', thread[1], thread[2], thread[3] or '0', thread[4] or '0-0', passed, page }
        """#
    )

    /// A thread's newest runs. KEYS metadata, runs. ARGV what run keys begin with, how many runs, how many bytes (a run that goes beyond
    /// is the last).
    static let snapshot = Prelude.script(
        "snapshot",
        #"""
        local thread = redis.call('HMGET', KEYS[1], 'seq', 'last_id')
        if not thread[1] then return { 'missing' } end
        local ids, bytes, runs = redis.call('LRANGE', KEYS[2], -ARGV[2], -1), tonumber(ARGV[3]), {}
        for i = #ids, 1, -1 do
            if bytes <= 0 then break end
            local fields = redis.call('HGETALL', ARGV[1] .. ids[i])
            for _, field in ipairs(fields) do bytes = bytes - #field end
            runs[#runs + 1] = { ids[i], fields }
        end
        return { 'ok', thread[1], thread[2], redis.call('LLEN', KEYS[2]) - #runs, runs }
        """#
    )
}
