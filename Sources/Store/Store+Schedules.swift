public import Messages
internal import NIOCore
internal import Redis

/// Runs at a later time, or again and again. A schedule is kept with its thread; the queue knows when it is to be looked at.
extension Store {
    /// How many schedules a thread may have.
    static let scheduleLimit = 100
    /// When a single run for which there was no room is tried again, in milliseconds.
    private static let scheduleRetry: Int64 = 60_000

    /// - Throws: `.notFound`; `.invalid` where it is not said when, or not understood; `.exhausted`; `.unavailable`.
    public func schedule(
        _ request: ScheduleRunRequest,
        tenant: String = Store.commonTenant
    ) async throws(StoreError) -> Schedule {
        let thread = request.threadID
        guard thread.isIdentifier else { throw .threadNotFound(thread) }
        try Tenant.check(tenant)
        let schedule = Schedule(
            scheduleID: Self.makeID(),
            threadID: thread,
            task: request.task,
            model: request.model,
            onBusy: request.onBusy,
            cron: request.cron,
            nextAt: try Self.firstTime(of: request),
            tenant: tenant,
            createdAt: Self.now,
            webhook: request.webhook
        )
        let item = DueItem.schedule(QueueEntry(thread: thread, run: schedule.scheduleID, tenant: tenant))
        let add = RedisCall.script(
            ScheduleScripts.add,
            keys: [keys.metadata(thread), keys.schedules(thread)],
            arguments: [
                RedisArgument(schedule.scheduleID), RedisArgument(schedule.serialized()),
                RedisArgument(schedule.nextAt),
                RedisArgument(Self.scheduleLimit),
            ]
        )
        let replies = try await announcing(item, add, then: due(item, at: schedule.nextAt))
        switch try Self.outcome(replies[0], of: ScheduleScripts.add).outcome {
        case "ok": return schedule
        case "full": throw StoreError(.exhausted, "thread \(thread) has \(Self.scheduleLimit) schedules already")
        default: throw .threadNotFound(thread)
        }
    }

    private static func firstTime(of request: ScheduleRunRequest) throws(StoreError) -> Int64 {
        let given = [request.delaySeconds > 0, request.at != 0, !request.cron.isEmpty].count { $0 }
        guard given == 1 else {
            throw StoreError(.invalid, "give one of delay_seconds, at and cron", field: "delay_seconds")
        }
        if request.delaySeconds > 0 { return now + Int64(request.delaySeconds) * 1000 }
        guard !request.cron.isEmpty else {
            // Four digits of the year; Redis orders by doubles, which are exact far beyond.
            guard (1...253_402_300_799_999).contains(request.at) else {
                throw StoreError(.invalid, "must be milliseconds since 1970", field: "at")
            }
            return request.at
        }
        return try Cron(request.cron).next(after: now / 1000).map { $0 * 1000 } ?? 0
    }

    /// A thread's schedules, the one that is next first. - Throws: `.notFound`, `.unavailable`.
    public func schedules(_ thread: String) async throws(StoreError) -> ListSchedulesResponse {
        _ = try await self.thread(thread)
        let flat = try await send(RedisCommand("HVALS", .key(keys.schedules(thread)))).array ?? []
        // The other half of the values are times.
        let schedules = flat.compactMap { Self.schedule(in: $0) }.filter { !$0.scheduleID.isEmpty }
        return ListSchedulesResponse(schedules: schedules.sorted { $0.nextAt < $1.nextAt })
    }

    /// - Throws: `.notFound`, `.unavailable`.
    public func deleteSchedule(_ request: DeleteScheduleRequest) async throws(StoreError) {
        let (thread, id) = (request.threadID, request.scheduleID)
        guard thread.isIdentifier else { throw .threadNotFound(thread) }
        let fields = [RedisArgument(id), RedisArgument("\(id):next")]
        let deleted = try await send(RedisCommand("HDEL", [.key(keys.schedules(thread))] + fields))
        guard id.isIdentifier, deleted.int != 0 else {
            throw StoreError(.notFound, "there is no schedule \(id) on this thread", field: "schedule_id")
        }
    }

    /// A schedule's time may have come: then its run is accepted, once, however many look and however often.
    ///
    /// - Parameter now: by the clock of Redis.
    /// - Returns: when to look again; nil when there is nothing more to come.
    func fire(_ entry: QueueEntry, now: Int64) async throws(StoreError) -> Int64? {
        let key = keys.schedules(entry.thread)
        let get = RedisCommand(
            "HMGET",
            .key(key),
            RedisArgument(entry.run),
            RedisArgument("\(entry.run):next")
        )
        let fields = try await send(get).array ?? []
        guard fields.count == 2, var schedule = Self.schedule(in: fields[0]), let time = fields[1].int else {
            return nil
        }
        guard time <= now else { return time }
        let run = ExecuteRunRequest(
            threadID: schedule.threadID,
            task: schedule.task,
            model: schedule.model,
            idempotencyKey: "\(entry.run)-\(time)",
            onBusy: schedule.onBusy,
            webhook: schedule.webhook
        )
        do {
            schedule.lastRunID = try await accept(
                run,
                tenant: entry.tenant,
                method: "schedule",
                fingerprint: Array(entry.run.utf8)
            ).run.runID
            schedule.lastError = ""
        } catch  where error.code == .notFound {
            return nil
        } catch  where error.code == .exhausted && schedule.cron.isEmpty {
            // There is room later.
            return now + Self.scheduleRetry
        } catch  where error.code == .busy || error.code == .exhausted {
            schedule.lastError = error.message
        }
        let next = schedule.cron.isEmpty ? nil : try Cron(schedule.cron).next(after: now / 1000).map { $0 * 1000 }
        schedule.nextAt = next ?? 0
        // One that had its one time and was refused stays to be seen, with the reason.
        let isKept = next == nil && !schedule.lastError.isEmpty
        _ = try await self.run(
            ScheduleScripts.advance,
            [key],
            [
                RedisArgument(entry.run), RedisArgument(time), RedisArgument(schedule.serialized()),
                next.map { RedisArgument($0) } ?? (isKept ? "never" : ""),
            ]
        )
        return next
    }

    private static func schedule(in value: RESPValue) -> Schedule? {
        // Written by this room: what cannot be read was not.
        value.bytes.flatMap { try? Schedule(serialized: Array($0.readableBytesView)) }
    }
}
