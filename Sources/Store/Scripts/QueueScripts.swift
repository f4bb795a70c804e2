internal import Redis

/// The worker queue: runs that are ready, runs in the hands of workers, runs to be looked at later.
///
/// Every tenant has a list of its own and the ring goes round them, so that whoever has many runs delays the others by one at a time.
/// Nothing here decides what becomes of a run: an entry that comes twice or too late is refused by the thread's `claim`.
enum QueueScripts {
    private static func script(_ name: String, _ source: String) -> RedisScript {
        RedisScript(name: name, source: shared + source)
    }

    private static let shared = Prelude.clock + putting

    static let putting = #"""
        -- Puts a run at the end of its tenant's list and wakes a worker that waits. Returns what stands in the list.
        local function push(ready, ring, wake, tenant, entry, time)
            local member = entry .. ' ' .. string.format('%d', time)
            if call('RPUSH', ready, member) == 1 then call('RPUSH', ring, tenant) end
            if call('LLEN', wake) < 64 then call('RPUSH', wake, '1') end
            return member
        end

        """#

    /// A run is ready. KEYS ready list of its tenant, ring, wake, due. ARGV `thread run`, tenant, milliseconds after which it is to be
    /// looked at if no worker has ended it by then (0: never). Answers what stands in the list.
    static let push = script(
        "push",
        #"""
        local member, item = push(KEYS[1], KEYS[2], KEYS[3], ARGV[2], ARGV[1], now), 'run ' .. ARGV[1] .. ' ' .. ARGV[2]
        if ARGV[3] == '0' then call('ZREM', KEYS[4], item) else call('ZADD', KEYS[4], now + ARGV[3], item) end
        return { 'ok', member }
        """#
    )

    /// What was pushed is not ready after all. KEYS ready list of its tenant, ring, due. ARGV what stands in the list, tenant, `thread run`,
    /// when it is to be looked at (empty: never; `-`: as it is). What a worker has taken meanwhile it will find out itself.
    static let retract = script(
        "retract",
        #"""
        call('LREM', KEYS[1], -1, ARGV[1])
        if call('EXISTS', KEYS[1]) == 0 then call('LREM', KEYS[2], 0, ARGV[2]) end
        local item = 'run ' .. ARGV[3] .. ' ' .. ARGV[2]
        if ARGV[4] == '' then call('ZREM', KEYS[3], item) elseif ARGV[4] ~= '-' then call('ZADD', KEYS[3], ARGV[4], item) end
        return { 'ok' }
        """#
    )

    /// Runs for a worker: first those whose worker has not renewed its lease, then what is ready, one tenant after the other. KEYS ring,
    /// wake, leases, workers. ARGV worker, how many, lease in milliseconds, what the lists of ready runs begin with, what this call's leases
    /// are named by, milliseconds of silence, whether answers to this worker may have been lost (`1`, `0`), then, if so, what it
    /// holds (`lease thread run tenant`).
    ///
    /// If so it gets what it holds without knowing, before all else, and nobody gets here what it holds. While no worker at all
    /// has been heard of for the time of silence, no lease counts as run out: see ``renew``.
    ///
    /// Answers for each run: the lease from which it was taken (empty: none), whether that was the worker's own (`1`, `0`), the new
    /// lease, `thread run tenant`.
    static let take = script(
        "take",
        silence + #"""
            local limit, ends = tonumber(ARGV[2]), now + tonumber(ARGV[3])
            local taken, count, held, held_count, own = { 'ok' }, 0, {}, 0, ARGV[1] .. '#'
            local function lease(from, is_own, entry)
                count = count + 1
                local name = own .. ARGV[5] .. '.' .. count
                call('ZADD', KEYS[3], ends, name .. ' ' .. entry)
                for _, part in ipairs({ from, is_own, name, entry }) do taken[#taken + 1] = part end
            end
            local function take_over(member, is_own)
                local from, entry = member:match('^(%S*) (.*)$')
                call('ZREM', KEYS[3], member)
                lease(from, is_own, entry)
            end
            if ARGV[7] == '1' then
                for i = 8, #ARGV do held[ARGV[i]], held_count = true, held_count + 1 end
                for _, member in ipairs(call('ZRANGE', KEYS[3], 0, -1)) do
                    if count < limit and member:sub(1, #own) == own and not held[member] then take_over(member, '1') end
                end
            end
            if count < limit and not is_silent(KEYS[4], ARGV[6]) then
                for _, member in ipairs(call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, limit + held_count)) do
                    if count < limit and not held[member] then take_over(member, '0') end
                end
            end
            while count < limit do
                local tenant = call('LPOP', KEYS[1])
                if not tenant then
                    call('DEL', KEYS[2])
                    break
                end
                local entry = call('LPOP', ARGV[4] .. tenant)
                if call('EXISTS', ARGV[4] .. tenant) == 1 then call('RPUSH', KEYS[1], tenant) end
                if entry then lease('', '0', entry:match('^(%S+ %S+)') .. ' ' .. tenant) end
            end
            return taken
            """#
    )

    /// A run is out of a worker's hands, or was looked at, and something follows from it. KEYS leases or due, due, dead, ready list of the
    /// run to be put into the queue, ring, wake. ARGV the member to be taken out of the first, then of what follows, each empty if it
    /// does not: `thread run` to be put into the queue, its tenant, member to be looked at, when, member that was given up; whether
    /// nothing is to be done where the member is not there (`1`, `0`): a lease is settled once, or by who has it by now; the score at
    /// which the member was looked at (or empty): at another one it stays as it is; how many may have been given up.
    static let settle = script(
        "settle",
        #"""
        local score = (ARGV[7] == '1' or ARGV[8] ~= '') and call('ZSCORE', KEYS[1], ARGV[1])
        if ARGV[7] == '1' and not score then return { 'ok' } end
        if ARGV[2] ~= '' then push(KEYS[4], KEYS[5], KEYS[6], ARGV[3], ARGV[2], now) end
        if ARGV[6] ~= '' then
            call('ZADD', KEYS[3], 'NX', now, ARGV[6])
            call('ZREMRANGEBYRANK', KEYS[3], 0, -ARGV[9] - 1)
        end
        -- It was given another time while it was looked at.
        if ARGV[8] ~= '' and tonumber(score or -1) ~= tonumber(ARGV[8]) then return { 'ok' } end
        if ARGV[4] ~= '' then call('ZADD', KEYS[2], ARGV[5], ARGV[4]) end
        if ARGV[1] ~= ARGV[4] then call('ZREM', KEYS[1], ARGV[1]) end
        return { 'ok' }
        """#
    )

    /// Renews the leases of a worker and says that it is alive. KEYS leases, workers. ARGV worker, lease in milliseconds, milliseconds of
    /// silence, what it holds (`lease thread run tenant`). Answers what is no longer its own.
    ///
    /// If no worker at all has been heard of for the time of silence, it was Redis that was away: every worker gets half a
    /// lease from now on in which to renew its leases or to ask for them, before another may have them.
    static let renew = script(
        "renew",
        silence + #"""
            if is_silent(KEYS[2], ARGV[3]) then
                local ends = now + math.floor(ARGV[2] / 2)
                for _, member in ipairs(call('ZRANGEBYSCORE', KEYS[1], '-inf', ends)) do call('ZADD', KEYS[1], ends, member) end
            end
            call('ZADD', KEYS[2], now, ARGV[1])
            local lost = { 'ok' }
            for i = 4, #ARGV do
                if call('ZSCORE', KEYS[1], ARGV[i]) then
                    call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[i])
                else
                    lost[#lost + 1] = ARGV[i]
                end
            end
            return lost
            """#
    )

    private static let silence = #"""
        -- Whether no worker has been heard of for so many milliseconds (0: do not ask), though there is one that has not signed off.
        local function is_silent(workers, limit)
            local newest = call('ZREVRANGE', workers, 0, 0, 'WITHSCORES')[2]
            return limit ~= '0' and newest and now - newest > tonumber(limit)
        end

        """#

    /// What is due, for one sweeper; it is due again after a while unless it is settled. KEYS due, workers. ARGV how many, milliseconds
    /// until a member is due again, milliseconds after which a worker is forgotten that has not been heard of when others have.
    ///
    /// A member with the score 0 was put down before something else was to happen, which may still be under way: it gets its time now.
    /// Answers the time, in how many milliseconds the next one is due (-1: nothing is), and the members.
    static let sweep = script(
        "sweep",
        #"""
        local again = now + tonumber(ARGV[2])
        for _, member in ipairs(call('ZRANGEBYSCORE', KEYS[1], 0, 0)) do call('ZADD', KEYS[1], again, member) end
        local due = call('ZRANGEBYSCORE', KEYS[1], '(0', now, 'LIMIT', 0, ARGV[1])
        for _, member in ipairs(due) do call('ZADD', KEYS[1], again, member) end
        local heard = call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]
        if heard then call('ZREMRANGEBYSCORE', KEYS[2], '-inf', heard - ARGV[3]) end
        local next = call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
        table.insert(due, 1, next and string.format('%d', math.max(0, next - now)) or '-1')
        table.insert(due, 1, string.format('%d', now))
        table.insert(due, 1, 'ok')
        return due
        """#
    )

    /// KEYS ring, leases, due, dead, workers. ARGV what the lists of ready runs begin with, milliseconds within which a worker must have
    /// been heard of. Answers the numbers: ready runs, tenants, age of the oldest in milliseconds, leases, due, dead, workers.
    static let stats = script(
        "stats",
        #"""
        local ready, oldest, ring = 0, now, call('LRANGE', KEYS[1], 0, -1)
        for _, tenant in ipairs(ring) do
            ready = ready + call('LLEN', ARGV[1] .. tenant)
            oldest = math.min(oldest, tonumber(call('LINDEX', ARGV[1] .. tenant, 0):match('%d+$')))
        end
        return {
            'ok', ready, #ring, now - oldest, call('ZCARD', KEYS[2]), call('ZCARD', KEYS[3]), call('ZCARD', KEYS[4]),
            call('ZCOUNT', KEYS[5], now - tonumber(ARGV[2]), '+inf'),
        }
        """#
    )
}
