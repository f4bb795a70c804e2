import Digest
import Testing

struct SHA256Tests {
    /// FIPS 180-4's examples, and lengths around a block's end.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (String(repeating: "a", count: 55), "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"),
        (String(repeating: "a", count: 64), "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"),
        (String(repeating: "a", count: 1000), "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3"),
    ])
    func `a message of known digest`(message: String, digest: String) {
        #expect(SHA256.digest(message.utf8).hexadecimal == digest)
    }

    @Test func `parts come to the same as the whole`() {
        let message = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        for size in [1, 63, 64, 65, 300] {
            var hash = SHA256()
            for start in stride(from: 0, to: message.count, by: size) {
                hash.append(message[start..<min(start + size, message.count)])
            }
            #expect(hash.finish() == SHA256.digest(message))
        }
    }

    /// RFC 4231, test cases 1, 2 and 6.
    @Test(arguments: [
        (
            Array(repeating: UInt8(0x0b), count: 20), "Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        (
            Array("Jefe".utf8), "what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        (
            Array(repeating: UInt8(0xaa), count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
    ])
    func `a message of known code`(key: [UInt8], message: String, code: String) {
        #expect(HMACSHA256.code(for: message.utf8, key: key).hexadecimal == code)
    }
}
