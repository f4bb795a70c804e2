import Foundation
import Testing

import enum Messages.JSON

@testable import Workflow

struct FileReadTests {
    @Test func numbersLinesAndSaysHowToGoOn() async throws {
        let bench = try await ToolBench()
        try bench.put("f", "one\r\ntwo\nthree")
        #expect(
            try await bench.call("file_read", ["file_path": "f"]).text == "1\tone\n2\ttwo\n3\tthree\n(lines 1-3 of 3)"
        )
        let part = try await bench.call("file_read", ["file_path": "f", "offset": 2, "limit": 1])
        #expect(part.text == "2\ttwo\n(lines 2-2 of 3; continue with offset=3)")
        try bench.put("empty", "")
        #expect(try await bench.call("file_read", ["file_path": "empty"]).text == "(the file is empty)")
    }

    @Test func boundsLinesAndBytes() async throws {
        let bench = try await ToolBench()
        try bench.put("wide", String(repeating: "é", count: 3000) + "\nend\n")
        let wide = try await bench.call("file_read", ["file_path": "wide"]).text
        #expect(wide.hasPrefix("1\t" + String(repeating: "é", count: 2000) + " [... line cut, 6000 bytes]\n2\tend\n"))
        try bench.put("long", String(repeating: String(repeating: "x", count: 99) + "\n", count: 5000))
        let long = try await bench.call("file_read", ["file_path": "long", "limit": 5000]).text
        #expect(long.utf8.count <= 50_100 && long.utf8.count > 49_000)
        #expect(long.contains("of 5000; continue with offset="))
    }

    @Test func failures() async throws {
        let bench = try await ToolBench()
        try bench.put("src/Parser.swift", "let a = 1\n")
        try bench.put("src/ParserTests.swift", "")
        try bench.put("src/zebra", "")
        try bench.put("binary", "a\0b")
        func message(_ arguments: JSON) async throws -> String {
            try await bench.call("file_read", arguments, fails: true).text
        }
        #expect(try await message(["file_path": "binary"]) == "Binary file: binary (3 bytes)")
        #expect(try await message(["file_path": "src"]) == "Is a directory: src")
        #expect(try await message(["file_path": "../x"]) == "Path is outside the workspace: ../x")
        #expect(
            try await message(["file_path": "src/Parser.swift", "offset": 5])
                == "offset: 5 is past the end; the file has 1 lines"
        )
        #expect(
            try await message(["file_path": "src/parsr.swift"])
                == "No such file or directory: src/parsr.swift. Similar: src/Parser.swift, src/ParserTests.swift"
        )
        #expect(try await message(["file_path": "qqq/f"]) == "No such file or directory: qqq/f")
    }
}

struct FileEditTests {
    private func edit(_ bench: ToolBench, _ old: String, _ new: String, all: Bool = false, fails: Bool = false)
        async throws -> ToolOutput
    {
        try await bench.call(
            "file_edit",
            ["file_path": "f", "old_string": .string(old), "new_string": .string(new), "replace_all": .bool(all)],
            fails: fails
        )
    }

    private func bench(_ content: String) async throws -> ToolBench {
        let bench = try await ToolBench()
        try bench.put("f", content)
        try await bench.call("file_read", ["file_path": "f"])
        return bench
    }

    @Test func replacesAndShowsTheDifference() async throws {
        let bench = try await bench("a\nb\nc\nd\ne\nf\ng\n")
        let output = try await edit(bench, "d\n", "D\nD2\n")
        let diff = "--- a/f\n+++ b/f\n@@ -1,7 +1,8 @@\n a\n b\n c\n-d\n+D\n+D2\n e\n f\n g\n"
        #expect(output.text == "Edited f: 1 replacement, at line 4.\n\(diff)")
        #expect(output.detail == .fileEdit(path: "f", diff: diff, replacements: 1))
        #expect(try bench.content("f") == "a\nb\nc\nD\nD2\ne\nf\ng\n")
        // The edit itself is known: no new reading is asked for.
        _ = try await edit(bench, "D2\n", "")
        #expect(try bench.content("f") == "a\nb\nc\nD\ne\nf\ng\n")
    }

    @Test func failures() async throws {
        let bench = try await bench("let one = 1\nlet two = 2\nlet three = 3\n")
        #expect(try await edit(bench, "x", "x", fails: true).text == "old_string and new_string are identical")
        #expect(try await edit(bench, "", "x", fails: true).text.hasPrefix("old_string is empty"))
        #expect(
            try await edit(bench, "let ", "var ", fails: true).text.hasPrefix(
                "old_string is found 3 times, at lines 1, 2, 3: "
            )
        )
        let missing = try await edit(bench, "let twice = 2", "x", fails: true).text
        #expect(
            missing
                == "old_string is not found. Closest lines:\n2\tlet two = 2"
        )
        #expect(try await edit(bench, "§", "x", fails: true).text == "old_string is not found")
        #expect(try bench.content("f") == "let one = 1\nlet two = 2\nlet three = 3\n")
        let all = try await edit(bench, "let ", "var ", all: true)
        #expect(all.text.hasPrefix("Edited f: 3 replacements, at line 1.\n"))
    }

    @Test func mustHaveBeenReadAndNotChangedSince() async throws {
        let bench = try await ToolBench()
        try bench.put("f", "one\n")
        #expect(
            try await edit(bench, "one", "two", fails: true).text == "Not read yet: f. Read it with file_read first"
        )
        try await bench.call("file_read", ["file_path": "f"])
        // Touched is not changed.
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 1)],
            ofItemAtPath: bench.path("f")
        )
        _ = try await edit(bench, "one", "two")
        try bench.put("f", "six\n")
        #expect(
            try await edit(bench, "six", "two", fails: true).text
                == "Changed since it was read: f. Read it again with file_read"
        )
    }

    @Test func keepsLineEndsAndByteOrderMark() async throws {
        let bench = try await bench("\u{feff}one\r\ntwo\r\nthree\nfour\r\n")
        _ = try await edit(bench, "one\ntwo\n", "1\n1b\n2\n")
        #expect(Array(try bench.content("f").utf8) == Array("\u{feff}1\r\n1b\r\n2\r\nthree\nfour\r\n".utf8))
        _ = try await edit(bench, "2\nthree", "2\n3")
        #expect(Array(try bench.content("f").utf8) == Array("\u{feff}1\r\n1b\r\n2\r\n3\nfour\r\n".utf8))
    }

    @Test func takesOtherWhiteSpaceOnlyWhereThatIsUnique() async throws {
        let bench = try await bench("func a() {\n\treturn  1\n}\nfunc b() {\n\treturn 2\n}\n")
        let output = try await edit(bench, "    return 1\n", "    return 10\n    // done\n")
        #expect(output.text.contains("old_string matched only with other white space."))
        #expect(try bench.content("f") == "func a() {\n\treturn 10\n\t// done\n}\nfunc b() {\n\treturn 2\n}\n")
        let twice = try await edit(bench, "  }", "  };", fails: true)
        #expect(twice.text.hasPrefix("old_string is not found, also not once with other white space"))
    }

    @Test func looseMatchesKeepOrDropTheLastLineEndAsAsked() async throws {
        let bench = try await bench("a\n\tb\nc")
        _ = try await edit(bench, "  b\n", "")
        #expect(try bench.content("f") == "a\nc")
        _ = try await edit(bench, " c", " d\n e")
        #expect(try bench.content("f") == "a\nd\ne")
    }

    @Test func farChangesAreHunksOfTheirOwn() {
        let old = (1...30).map { "\($0)\n" }.joined()
        let new = old.replacing("2\n3\n", with: "2\nx\n3\n", maxReplacements: 1).replacing("28\n", with: "")
        let diff = UnifiedDiff(from: Array(old.utf8), to: Array(new.utf8), path: "f").text
        #expect(
            diff == """
                --- a/f
                +++ b/f
                @@ -1,5 +1,6 @@
                 1
                 2
                +x
                 3
                 4
                 5
                @@ -25,6 +26,5 @@
                 25
                 26
                 27
                -28
                 29
                 30

                """
        )
    }
}

struct MultiEditTests {
    @Test func makesAllEditsOrNone() async throws {
        let bench = try await ToolBench()
        try bench.put("f", "a\nb\nc\n")
        try await bench.call("file_read", ["file_path": "f"])
        func edits(_ pairs: [(String, String)]) -> JSON {
            let edits = pairs.map { pair -> JSON in ["old_string": .string(pair.0), "new_string": .string(pair.1)] }
            return ["file_path": "f", "edits": .array(edits)]
        }
        let failed = try await bench.call("multi_edit", edits([("a", "A"), ("b", "B"), ("zzz", "x")]), fails: true)
        #expect(failed.text == "edits[2]: old_string is not found. No edit was made")
        #expect(try bench.content("f") == "a\nb\nc\n")
        let done = try await bench.call("multi_edit", edits([("a", "A"), ("A\nb", "AB")]))
        #expect(done.text.hasPrefix("Edited f: 2 replacements, at line 1, 1.\n"))
        #expect(try bench.content("f") == "AB\nc\n")
        let empty = try await bench.call("multi_edit", ["file_path": "f", "edits": []], fails: true)
        #expect(empty.text == "edits: 1 to 100 items are allowed, got 0")
    }
}

struct FilesCreationTests {
    private func files(_ files: [(String, String)], overwrite: Bool = false) -> JSON {
        let list = files.map { file -> JSON in ["path": .string(file.0), "content": .string(file.1)] }
        return ["files": .array(list), "overwrite": .bool(overwrite)]
    }

    @Test func writesFilesWithTheirParents() async throws {
        let bench = try await ToolBench()
        let output = try await bench.call("files_creation", files([("a/b/c", "1"), ("/workspace/d", "2")]))
        #expect(output.text == "Wrote 2 files:\na/b/c\nd")
        #expect(output.detail == .filesCreated(paths: ["a/b/c", "d"]))
        #expect(try bench.content("a/b/c") == "1")
        // What the model wrote itself it need not read.
        try await bench.call("file_edit", ["file_path": "d", "old_string": "2", "new_string": "3"])
    }

    @Test(arguments: [
        (
            [("new", ""), ("old", "")],
            "files[1].path: Already exists: old. Set overwrite to replace it. No file was written"
        ),
        ([("new", ""), ("../x", "")], "files[1].path: Path is outside the workspace: ../x. No file was written"),
        ([("new", ""), ("new/x", "")], "files[1].path: goes through files[0].path, which is to be a file"),
        ([("new", ""), ("./new", "")], "files[1].path: the same path as files[0].path: ./new"),
        ([("new", ""), ("dir", "")], "files[1].path: Is a directory: dir. No file was written"),
        ([("new", ""), ("dir/", "")], "files[1].path: not the path of a file: dir/"),
        ([("new", ""), ("old/x", "")], "files[1].path: Not a directory: old/x. No file was written"),
    ])
    func checksAllBeforeItWritesAny(list: [(String, String)], message: String) async throws {
        let bench = try await ToolBench()
        try bench.put("old", "x")
        try bench.put("dir/f", "x")
        #expect(try await bench.call("files_creation", files(list), fails: true).text == message)
        #expect(!bench.exists("new"))
    }

    @Test func replacesOnlyWhatWasRead() async throws {
        let bench = try await ToolBench()
        try bench.put("f", "old")
        let refused = try await bench.call("files_creation", files([("f", "new")], overwrite: true), fails: true)
        #expect(refused.text.hasPrefix("files[0].path: Not read yet: f."))
        try await bench.call("file_read", ["file_path": "f"])
        try await bench.call("files_creation", files([("f", "new")], overwrite: true))
        #expect(try bench.content("f") == "new")
    }

    @Test func boundsTheContent() async throws {
        let bench = try await ToolBench()
        let large = String(repeating: "x", count: 1 << 20)
        try await bench.call("files_creation", files([("f", large)]))
        let output = try await bench.call("files_creation", files([("g", large + "x")]), fails: true)
        #expect(output.text == "files[0].content: 1048577 bytes; at most 1048576 are allowed")
    }
}

struct LsTests {
    @Test func listsDirectoriesFirst() async throws {
        let bench = try await ToolBench()
        for name in ["b.o", "a.c", "z/x", "y/x", ".hidden"] { try bench.put(name, "") }
        #expect(try await bench.call("ls", ["path": "."]).text == "y/\nz/\n.hidden\na.c\nb.o")
        #expect(try await bench.call("ls", ["path": ".", "ignore": ["*.o", "z"]]).text == "y/\n.hidden\na.c")
        #expect(try await bench.call("ls", ["path": "a.c"], fails: true).text == "Not a directory: a.c")
        #expect(try await bench.call("ls", ["path": "/etc"], fails: true).text == "Path is outside the workspace: /etc")
    }

    @Test func saysWhenItIsCut() async throws {
        let bench = try await ToolBench()
        for number in 0..<1001 { try bench.put("d/\(number)", "") }
        #expect(try await bench.call("ls", ["path": "d"]).text.hasSuffix("\n(the first 1000 of 1001 entries)"))
        try FileManager.default.createDirectory(atPath: bench.path("empty"), withIntermediateDirectories: true)
        #expect(try await bench.call("ls", ["path": "empty"]).text == "(no entries)")
    }
}
