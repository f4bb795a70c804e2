/// Writes a request into memory that its maker has found large enough for the whole command, so that room is not checked
/// for at every piece. Debug builds check each access; a release build relies on ``RedisArgument/maxEncodedBytes``.
struct RESPWriter {
    /// Digits of the longest number, sign included.
    static let maxDigits = 20
    /// Type, number, line end.
    static let maxHeader = 1 + maxDigits + 2

    private let target: UnsafeMutableRawBufferPointer
    /// Bytes written so far.
    private(set) var count = 0

    init(_ target: UnsafeMutableRawBufferPointer) { self.target = target }

    /// `*3` or `$5`, and the line end.
    mutating func writeHeader(_ type: UInt8, _ number: Int) {
        put(type)
        writeDecimal(number.magnitude)
        writeLineEnd()
    }

    mutating func writeBulk(_ bytes: UnsafeRawBufferPointer) {
        writeHeader(UInt8(ascii: "$"), bytes.count)
        target[count..<count + bytes.count].copyBytes(from: bytes)
        count += bytes.count
        writeLineEnd()
    }

    /// The number as a bulk string of its decimal digits.
    mutating func writeBulk(_ number: Int64) {
        let isNegative = number < 0
        writeHeader(UInt8(ascii: "$"), Self.digits(of: number.magnitude) + (isNegative ? 1 : 0))
        if isNegative { put(UInt8(ascii: "-")) }
        writeDecimal(number.magnitude)
        writeLineEnd()
    }

    private mutating func writeDecimal(_ number: some FixedWidthInteger & UnsignedInteger) {
        let end = count + Self.digits(of: number)
        var rest = number
        for position in stride(from: end - 1, through: count, by: -1) {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            target[position] = UInt8(ascii: "0") + UInt8(digit)
            rest = quotient
        }
        count = end
    }

    private mutating func writeLineEnd() {
        put(UInt8(ascii: "\r"))
        put(UInt8(ascii: "\n"))
    }

    private mutating func put(_ byte: UInt8) {
        target[count] = byte
        count += 1
    }

    private static func digits(of number: some FixedWidthInteger & UnsignedInteger) -> Int {
        var (rest, count) = (number / 10, 1)
        while rest > 0 { (rest, count) = (rest / 10, count + 1) }
        return count
    }
}
