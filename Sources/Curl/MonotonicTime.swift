internal import Glibc

/// The time of a clock that only moves on, for deadlines within this process.
func monotonicMilliseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
}

extension Duration {
    /// Rounded up, between 0 and a year, so that deadlines can be added up without overflow.
    var milliseconds: Int64 {
        let year: Int64 = 365 * 24 * 3600
        let (seconds, attoseconds) = components
        guard seconds >= 0 else { return 0 }
        guard seconds < year else { return year * 1000 }
        return seconds * 1000 + (max(0, attoseconds) + 999_999_999_999_999) / 1_000_000_000_000_000
    }
}
