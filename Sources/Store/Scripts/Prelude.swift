internal import Redis

/// Lua that several scripts share.
///
/// Conventions: a script answers an array whose first element is a word for the outcome. What it joins to a text is written with `%d`,
/// because Lua would write large numbers in exponents. What is known beforehand is given to a command as text: a number costs Redis more to
/// write than most commands to carry out. Events arrive serialized without id and without number; the script appends
/// the number (field 2 of Event) to the bytes, as fields of a protobuf message may come in any order and the last one counts.
enum Prelude {
    static func script(_ name: String, _ source: String) -> RedisScript {
        RedisScript(name: name, source: library.link(source))
    }

    /// For scripts that write no events: the time, in milliseconds.
    static let clock = #"""
        local call = redis.call
        local time = call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)

        """#

    static let library = LuaLibrary(
        #"""
        -- The time in milliseconds, as it was when the script began: Redis stands still meanwhile.
        local began
        local function now()
            if not began then
                local time = redis.call('TIME')
                began = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
            end
            return began
        end

        local function varint(n)
            local bytes = ''
            while n >= 128 do
                bytes = bytes .. string.char(n % 128 + 128)
                n = math.floor(n / 128)
            end
            return bytes .. string.char(n)
        end

        -- The number at the end of a stored event: its field 2 is the last one. Every byte of a varint but its last is above 127, and
        -- the tag before it is not.
        local function seq_of(event)
            local first = #event
            while event:byte(first - 1) > 127 do first = first - 1 end
            local seq, unit = 0, 1
            for i = first, #event do
                seq, unit = seq + event:byte(i) % 128 * unit, unit * 128
            end
            return seq
        end

        -- When an event came into the log, in milliseconds: its id begins with that.
        local function time_of(id) return id:match('^%d+') end

        -- What stands before an event that is announced: the lengths of its id and its bytes, one byte and four, big-endian.
        local function lengths(id, event)
            local rest = #event
            local last = rest % 256
            rest = (rest - last) / 256
            local third = rest % 256
            rest = (rest - third) / 256
            local second = rest % 256
            return string.char(#id, (rest - second) / 256, second, third, last)
        end

        -- The number of the last event of the thread whose hash is KEYS[1], once it has been read.
        local seq

        -- Appends events to that thread's log and announces them; gives each its number. What follows are fields of the thread's hash
        -- that change with them. Returns the number and the id of the last one.
        local function append(events, ...)
            seq = tonumber(seq or redis.call('HGET', KEYS[1], 'seq'))
            if #events == 0 then return seq end
            local thread, announced, id = KEYS[1]:sub(1, -#'metadata' - 1), {}, nil
            local stream = thread .. 'stream'
            for i, event in ipairs(events) do
                seq = seq + 1
                local stored = event .. '\16' .. varint(seq)
                id = redis.call('XADD', stream, '*', 'e', stored)
                announced[3 * i - 2], announced[3 * i - 1], announced[3 * i] = lengths(id, stored), id, stored
            end
            redis.call('HSET', KEYS[1], 'seq', seq, 'last_id', id, 'updated_at', time_of(id), ...)
            redis.call('SPUBLISH', thread .. 'live', table.concat(announced))
            return seq, id
        end

        """#
    )
}
