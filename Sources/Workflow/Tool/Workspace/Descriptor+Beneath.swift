internal import CLinux
internal import Glibc

/// Opening what is beneath a directory, and only that.
extension Descriptor {
    /// Opens by openat2(2): links are followed as long as they stay beneath this directory, magic links (those of
    /// /proc) never.
    ///
    /// - Returns: a descriptor, or a negative `errno`: `EXDEV` where the path leads out.
    func openBeneath(_ path: String, _ flags: CInt) -> CInt {
        var attempts = 0
        while true {
            let result = clinux_openat2(
                raw,
                path,
                UInt64(UInt32(bitPattern: flags | O_CLOEXEC)),
                UInt64(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)
            )
            attempts += 1
            // EAGAIN: something was renamed on the way, so the kernel could not be sure about `..`; openat2(2) says to
            // try again.
            guard result == -EAGAIN || result == -EINTR, attempts < 64 else { return result }
        }
    }

    /// Whether the kernel has openat2(2) and lets this process use it.
    var supportsBeneath: Bool {
        let result = openBeneath(".", clinux_o_path | O_DIRECTORY)
        guard result >= 0 else { return false }
        close(result)
        return true
    }

    /// Opens name by name and follows no link: where the kernel cannot say that a link stays inside, none is trusted.
    ///
    /// - Returns: a descriptor, or a negative `errno`: `EXDEV` where the path leads out or is a link.
    func walk(_ path: String, _ flags: CInt) -> CInt {
        var names: [Substring] = []
        for name in path.pathNames where name != "." {
            if name != ".." {
                names.append(name)
            } else if names.popLast() == nil {
                return -EXDEV
            }
        }
        // What is checked is what is opened: each directory by the descriptor of the one before.
        let start = openat(raw, ".", clinux_o_path | O_DIRECTORY | O_CLOEXEC)
        guard start >= 0 else { return -errno }
        var current = Descriptor(start)
        for name in names.dropLast() {
            let next = current.openName(name, clinux_o_path | O_DIRECTORY)
            guard next >= 0 else { return next }
            current = Descriptor(next)
        }
        return current.openName(names.last ?? ".", flags)
    }

    private func openName(_ name: Substring, _ flags: CInt) -> CInt {
        var status = stat()
        guard fstatat(raw, String(name), &status, AT_SYMLINK_NOFOLLOW) == 0 else { return -errno }
        guard status.st_mode & S_IFMT != S_IFLNK else { return -EXDEV }
        let result = openat(raw, String(name), flags | O_NOFOLLOW | O_CLOEXEC)
        return result >= 0 ? result : -errno
    }

    /// The absolute path of the open file as the kernel knows it, without links.
    var realPath: String? { symbolicLink("/proc/self/fd/\(raw)") }
}

/// What a symbolic link says; nil where there is none.
func symbolicLink(_ path: String) -> String? {
    let text = [UInt8](unsafeUninitializedCapacity: Int(PATH_MAX)) { buffer, count in
        let result = buffer.withMemoryRebound(to: CChar.self) { bytes in
            bytes.baseAddress.map { readlink(path, $0, bytes.count) } ?? -1
        }
        count = max(result, 0)
    }
    return text.isEmpty ? nil : String(decoding: text, as: UTF8.self)
}
